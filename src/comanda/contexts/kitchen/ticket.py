"""A ticket as a value."""

from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.kitchen.states import Move, Status, moves
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.ordering import OrderDocument
from comanda.engine.database import Record

_decoder = msgspec.json.Decoder(OrderDocument)


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A paid order on the board. `version` rises with each move; `order` is the order as it was paid."""

    id: UUID
    order_id: UUID
    restaurant_id: UUID
    number: int
    fulfilment: FulfilmentType
    status: Status
    version: int
    reason: str
    due_at: datetime
    opened_at: datetime
    moved_at: datetime
    order: OrderDocument

    @property
    def moves(self) -> tuple[Move, ...]:
        """Where the ticket may go from here, the usual way first."""
        return moves(self.status, self.fulfilment)


def ticket_of(row: Record) -> Ticket:
    """Return the ticket in a row."""
    return Ticket(
        id=row["id"],
        order_id=row["order_id"],
        restaurant_id=row["restaurant_id"],
        number=row["number"],
        fulfilment=row["fulfilment"],
        status=row["status"],
        version=row["version"],
        reason=row["reason"],
        due_at=row["due_at"],
        opened_at=row["opened_at"],
        moved_at=row["moved_at"],
        order=_decoder.decode(row["document"]),
    )
