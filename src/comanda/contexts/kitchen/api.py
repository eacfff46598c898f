"""The kitchen's doors for programs: screens, printers, a till."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from comanda.contexts.kitchen.service import MAX_REASON_LENGTH, Kitchen
from comanda.contexts.kitchen.states import Move, Status
from comanda.contexts.kitchen.ticket import Ticket
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.ordering import OrderLine
from comanda.engine.database import Database
from comanda.web.access import require, staff_member


class TicketView(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as a kitchen's screen needs it. `moves` is where it may go, the usual way first."""

    id: UUID
    order_id: UUID
    number: int
    status: Status
    version: int
    moves: Sequence[Move]
    fulfilment: FulfilmentType
    due_at: datetime
    opened_at: datetime
    guest: str
    note: str
    lines: Sequence[OrderLine]


class TicketMove(msgspec.Struct, frozen=True, kw_only=True):
    """A move: where to, from which version, and for a rejection the reason that the guest is told."""

    to: Move
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON_LENGTH)] = ""


class Tickets(msgspec.Struct, frozen=True, kw_only=True):
    """The tickets on the board, the most urgent first."""

    tickets: Sequence[TicketView]


MOVE_EXAMPLES = Body(
    description="Where the ticket goes, and the version in which it was seen.",
    examples=[
        Example(summary="Begin to cook", value={"to": "preparing", "version": 2}),
        Example(summary="Reject", value={"to": "rejected", "version": 1, "reason": "The oven is broken."}),
    ],
)


class KitchenApi:
    """The API."""

    def __init__(self, database: Database, kitchen: Kitchen) -> None:
        self._database = database
        self._kitchen = kitchen

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("kitchen")]
        tags = ["Kitchen"]
        path, one = "/api/v1/kitchen/tickets", "/api/v1/kitchen/tickets/{ticket_id:uuid}"
        return [
            get(path, guards=guards, tags=tags, summary="The board")(self.board),
            get(one, guards=guards, tags=tags, summary="A ticket")(self.ticket),
            post(f"{one}/moves", guards=guards, tags=tags, status_code=200, summary="Move a ticket")(self.move),
        ]

    async def board(self, request: Request[Any, Any, Any]) -> Tickets:
        """Return the tickets that are on the board."""
        board = await self._kitchen.board(staff_member(request).restaurant_id)
        return Tickets(tickets=[_view(ticket) for ticket in board.open])

    async def ticket(self, request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> TicketView:
        """Return one ticket."""
        return _view(await self._kitchen.ticket(staff_member(request).restaurant_id, ticket_id))

    async def move(
        self, request: Request[Any, Any, Any], ticket_id: FromPath[UUID], data: Annotated[TicketMove, MOVE_EXAMPLES]
    ) -> TicketView:
        """Move a ticket. The same move twice is done once; 409 when it has been moved elsewhere meanwhile."""
        member = staff_member(request)
        ticket = await self._database.run(
            lambda tx: self._kitchen.move(tx, member, ticket_id, data.to, version=data.version, reason=data.reason)
        )
        return _view(ticket)


def _view(ticket: Ticket) -> TicketView:
    return TicketView(
        id=ticket.id,
        order_id=ticket.order_id,
        number=ticket.number,
        status=ticket.status,
        version=ticket.version,
        moves=ticket.moves,
        fulfilment=ticket.fulfilment,
        due_at=ticket.due_at,
        opened_at=ticket.opened_at,
        guest=ticket.order.guest.name,
        note=ticket.order.note,
        lines=ticket.order.quote.lines,
    )
