"""Whom a mail is made for, and what makes it: the seam between sending and composing."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is to get a campaign's mail, with what it may speak of.

    Attributes:
        number: the recipient's own in the campaign; Message-ID and tokens are made of it.
        variant: which of the subjects.
        attributes: the restaurant's own fields, JSON values.
        orders: how many paid ones.
    """

    campaign: int
    number: int
    customer_id: UUID
    email: str
    name: str
    phone: str
    variant: int
    attributes: dict[str, Any]
    orders: int
    last_order_at: datetime | None


class Composed(Protocol):
    """A campaign, compiled: makes the mail of each recipient without asking anybody."""

    @property
    def sender_key(self) -> str:
        """Whose limits hold: the sender's address."""
        ...

    def envelope_sender(self, to: Recipient) -> str:
        """Return where this recipient's mail comes back to if it does (VERP)."""
        ...

    def build(self, to: Recipient) -> bytes:
        """Return the whole mail, with CRLF, signed where that is wanted."""
        ...


class Composer(Protocol):
    """Compiles campaigns."""

    async def composed(self, campaign: int) -> Composed:
        """Return the campaign, compiled and kept by its version. Raises `Refused` when it cannot be compiled."""
        ...
