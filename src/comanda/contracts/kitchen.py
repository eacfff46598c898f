"""What the kitchen shows: what the staff did with a ticket."""

from typing import ClassVar, Literal
from uuid import UUID

from comanda.engine.events import Event


class TicketMoved(Event, frozen=True, kw_only=True):
    """Staff moved the ticket of an order. `rejected` means that the kitchen will not make it; `reason` says why."""

    name: ClassVar[str] = "kitchen.TicketMoved"
    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    restaurant_id: UUID
    status: Literal["accepted", "preparing", "ready", "on_its_way", "completed", "rejected"]
    reason: str = ""


class TicketOpened(Event, frozen=True, kw_only=True):
    """A paid order stands on the kitchen's board."""

    name: ClassVar[str] = "kitchen.TicketOpened"
    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    restaurant_id: UUID
    ticket_id: UUID


EVENTS: tuple[type[Event], ...] = (TicketOpened, TicketMoved)
