"""What can be asked of the kitchen: open, move and withdraw tickets, show the board.

A move is guarded by the ticket's version. Two people who click the same get the same ticket; who clicks something
else a moment too late is told where the ticket stands.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.kitchen import store
from comanda.contexts.kitchen.states import MOVES, Move
from comanda.contexts.kitchen.ticket import Ticket, ticket_of
from comanda.contracts.kitchen import TicketMoved, TicketOpened
from comanda.contracts.ordering import GuestErased, OrderDocument, OrderEnded, OrderPaid, anonymous
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids
from comanda.web.access import StaffMember

MOST_OPEN = 300
"""Tickets that a board shows; the most urgent ones."""
MOST_CLOSED = 12
CLOSED_FOR = timedelta(hours=12)
MAX_REASON_LENGTH = 200


class Board(NamedTuple):
    """What stands on the board, the most urgent first, and what has lately left it, the last first."""

    open: list[Ticket]
    closed: list[Ticket]


class Kitchen:
    """The boards of all restaurants."""

    def __init__(self, database: Database, log: EventLog, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._ids = ids

    async def open_ticket(self, tx: Transaction, event: OrderPaid) -> None:
        """Put a paid order on the board; an order that has a ticket gets no other."""
        ticket_id = self._ids.new()
        is_new = await store.insert_ticket(
            tx,
            ticket_id=ticket_id,
            order_id=event.order_id,
            restaurant_id=event.restaurant_id,
            number=event.order.number,
            fulfilment=event.order.fulfilment.type,
            document=msgspec.json.encode(event.order).decode(),
            due_at=event.order.fulfilment.due_at,
            now=self._clock.now(),
        )
        if is_new:
            opened = TicketOpened(order_id=event.order_id, restaurant_id=event.restaurant_id, ticket_id=ticket_id)
            await self._log.emit(tx, opened)

    async def withdraw_ticket(self, tx: Transaction, event: OrderEnded) -> None:
        """Take the order off the board; where it has left the board already, nothing changes."""
        await store.withdraw_ticket(tx, event.order_id, reason=event.reason, now=self._clock.now())

    async def erase_guest(self, tx: Transaction, event: GuestErased) -> None:
        """Take a guest's name, address and words out of their tickets."""
        for row in await store.documents(tx, event.order_ids):
            document = anonymous(msgspec.json.decode(row["document"], type=OrderDocument))
            await store.replace_document(tx, row["id"], msgspec.json.encode(document).decode())

    async def move(
        self, tx: Transaction, member: StaffMember, ticket_id: UUID, to: str, *, version: int, reason: str = ""
    ) -> Ticket:
        """Move a ticket that the member saw in `version`, and return it as it stands now.

        Raises `Refused`: not found; invalid, when there is no such move; conflict, when somebody has moved the ticket
        elsewhere meanwhile, with the ticket's `status` and `version` as members.
        """
        move = _known_move(to)
        reason = _short(reason)
        row = await store.lock_ticket(tx, member.restaurant_id, ticket_id)
        if row is None:
            raise Refused("There is no such ticket.", kind="not_found", code="ticket-unknown")
        ticket = ticket_of(row)
        if ticket.status == move:
            return ticket
        if ticket.version != version or move not in ticket.moves:
            raise Refused(
                f"Order {ticket.number} has been moved meanwhile: it is {words(ticket.status)}.",
                kind="conflict",
                code="ticket-moved",
                members={"ticket_status": ticket.status, "version": ticket.version},
            )
        moved = await store.move_ticket(tx, ticket_id, move, reason=reason, member_id=member.id, now=self._clock.now())
        assert moved is not None  # noqa: S101 - its row is locked
        await self._log.emit(
            tx,
            TicketMoved(order_id=ticket.order_id, restaurant_id=ticket.restaurant_id, status=move, reason=reason),
        )
        return ticket_of(moved)

    async def board(self, restaurant_id: UUID) -> Board:
        """Return the restaurant's board."""
        since = self._clock.now() - CLOSED_FOR
        return Board(
            [ticket_of(row) for row in await store.open_tickets(self._database, restaurant_id, MOST_OPEN)],
            [ticket_of(row) for row in await store.closed_tickets(self._database, restaurant_id, since, MOST_CLOSED)],
        )

    async def ticket(self, restaurant_id: UUID, ticket_id: UUID) -> Ticket:
        """Return one ticket; raises `Refused` (not found)."""
        row = await store.ticket(self._database, restaurant_id, ticket_id)
        if row is None:
            raise Refused("There is no such ticket.", kind="not_found", code="ticket-unknown")
        return ticket_of(row)


def words(status: str) -> str:
    """Return the status as people say it: `on its way`."""
    return status.replace("_", " ")


def _known_move(to: str) -> Move:
    for move in MOVES:
        if move == to:
            return move
    message = f"A ticket can be moved to {', '.join(MOVES)}."
    raise Refused(message, kind="invalid", code="move-unknown", fields=[FieldError("to", message)])


def _short(reason: str) -> str:
    reason = " ".join(reason.split())
    if len(reason) > MAX_REASON_LENGTH or not (reason.isprintable() or not reason):
        message = f"A reason has {MAX_REASON_LENGTH} characters at most."
        raise Refused(message, kind="invalid", code="reason-too-long", fields=[FieldError("reason", message)])
    return reason
