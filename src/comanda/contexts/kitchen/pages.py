"""The kitchen's board as a page: columns of tickets, a button for each move. Works without scripts."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.kitchen.service import Kitchen, words
from comanda.contexts.kitchen.states import Move, Status
from comanda.contexts.kitchen.ticket import Ticket
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.web.access import require, staff_member
from comanda.web.forms import form_of

AnyRequest = Request[Any, Any, Any]

COLUMNS: tuple[tuple[Status, str], ...] = (
    ("waiting", "New"),
    ("accepted", "Accepted"),
    ("preparing", "In the making"),
    ("ready", "Ready"),
    ("on_its_way", "On its way"),
)
BUTTONS: dict[Move, str] = {
    "accepted": "Accept",
    "preparing": "Start",
    "ready": "Ready",
    "on_its_way": "Off it goes",
    "completed": "Handed over",
    "rejected": "Reject",
}
FULFILMENTS = {"pickup": "Pickup", "delivery": "Delivery", "dine_in": "Table"}
SOON_MINUTES = 10
REFRESH_S = 5


class Due(NamedTuple):
    """How a ticket stands to its time: whole minutes left (negative: late), and how urgent that is."""

    minutes: int
    urgency: str


def due(due_at: datetime, now: datetime) -> Due:
    """Return how much time is left until `due_at`."""
    minutes = int((due_at - now).total_seconds() // 60)
    return Due(minutes, "late" if minutes < 0 else "soon" if minutes < SOON_MINUTES else "calm")


class KitchenPages:
    """The pages."""

    def __init__(self, database: Database, kitchen: Kitchen, clock: Clock) -> None:
        self._database = database
        self._kitchen = kitchen
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("kitchen")]
        return [
            get("/staff/kitchen", guards=guards, include_in_schema=False)(self.board),
            post("/staff/kitchen/tickets/{ticket_id:uuid}", guards=guards, include_in_schema=False)(self.move),
        ]

    async def board(self, request: AnyRequest, late: FromQuery[UUID | None] = None) -> Template:
        """Show the board; `late` is the ticket that somebody else had moved first."""
        restaurant_id = staff_member(request).restaurant_id
        board = await self._kitchen.board(restaurant_id)
        columns = [
            (status, title, [ticket for ticket in board.open if ticket.status == status]) for status, title in COLUMNS
        ]
        any_ticket = next(iter(board.open + board.closed), None)
        context = {
            "columns": [column for column in columns if column[0] != "on_its_way" or column[2]],
            "closed": board.closed,
            "message": await self._told(restaurant_id, late) if late else "",
            "due": lambda ticket: due(ticket.due_at, self._clock.now()),
            "buttons": BUTTONS,
            "fulfilments": FULFILMENTS,
            "words": words,
            "refresh_s": REFRESH_S,
            "timezone": any_ticket.order.timezone if any_ticket else "UTC",
            "locale": any_ticket.order.locale if any_ticket else "en",
        }
        return Template("kitchen/board.html", context=context)

    async def move(self, request: AnyRequest, ticket_id: FromPath[UUID]) -> Redirect:
        """Move a ticket, and show the board as it is then."""
        form = form_of(request)
        member = staff_member(request)
        version = form.integer("version")

        async def moved(tx: Any) -> Ticket:
            return await self._kitchen.move(
                tx, member, ticket_id, form.one("to"), version=version, reason=form.one("reason")
            )

        try:
            await self._database.run(moved)
        except Refused as refused:
            if refused.kind != "conflict":
                raise
            return Redirect(f"/staff/kitchen?late={ticket_id}", status_code=303)
        return Redirect("/staff/kitchen", status_code=303)

    async def _told(self, restaurant_id: UUID, ticket_id: UUID) -> str:
        ticket = await self._kitchen.ticket(restaurant_id, ticket_id)
        return f"Somebody was faster: order {ticket.number} is {words(ticket.status)}."
