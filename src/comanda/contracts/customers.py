"""What customers show: which id a customer has, that rows have changed, and how others read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from comanda.engine.events import Event
from comanda.engine.idempotency import Seals

MOST_IN_ONE = 1_000
"""Customers that one `CustomersChanged` tells of, at most: an import tells of a thousand at once."""


CONFIRMED = "sign-up page"
"""The source of a consent that was confirmed from the customer's own mailbox (double opt-in)."""


def customer_id(seals: Seals, restaurant_id: UUID, email: str) -> UUID:
    """Return the id of the customer of that address: the same whether they order or are imported.

    It is a keyed hash: who knows the address cannot make the id. `email` is in its one form; see `clean_email`.
    """
    return UUID(bytes=seals.hash("customer", restaurant_id.bytes + email.encode()))


class CustomersChanged(Event, frozen=True, kw_only=True):
    """Customers were made or have changed. Only who, not what: whoever keeps a copy reads the rows as they are now.

    `change_id` is this change's own; several changes of a customer may be told in any order, and the row's version says
    which is the newer.
    """

    name: ClassVar[str] = "customers.CustomersChanged"
    key_field: ClassVar[str] = "change_id"

    change_id: UUID
    restaurant_id: UUID
    customer_ids: tuple[UUID, ...]


class CustomerErased(Event, frozen=True, kw_only=True):
    """A customer was erased: whoever keeps a copy erases it too."""

    name: ClassVar[str] = "customers.CustomerErased"
    key_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    restaurant_id: UUID


class ImportDue(Event, frozen=True, kw_only=True):
    """Customers' own: a file of customers is to be read on from the byte `offset`."""

    name: ClassVar[str] = "customers.ImportDue"
    key_field: ClassVar[str] = "import_id"

    import_id: UUID
    offset: int


class SignupAsked(Event, frozen=True, kw_only=True):
    """Customers' own: somebody has asked for a restaurant's news, and is to be sent a mail to confirm it with."""

    name: ClassVar[str] = "customers.SignupAsked"
    key_field: ClassVar[str] = "signup_id"

    signup_id: UUID
    restaurant_id: UUID


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as others may keep them. `version` grows with each change; no `timezone` is the restaurant's."""

    id: UUID
    restaurant_id: UUID
    email: str
    name: str
    phone: str
    timezone: str
    consent_at: datetime | None
    consent_source: str | None
    unsubscribed_at: datetime | None
    attributes: dict[str, Any]
    version: int


class CustomerSource(Protocol):
    """Reads customers for those who keep a copy."""

    async def rows(self, customer_ids: Sequence[UUID]) -> list[CustomerRow]:
        """Return those of the customers that there are, as they are now."""
        ...


EVENTS: tuple[type[Event], ...] = (CustomersChanged, CustomerErased, ImportDue, SignupAsked)
