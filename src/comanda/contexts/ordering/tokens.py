"""The tokens that ordering gives out: where to follow an order, and "yes, again"."""

import struct
from datetime import UTC, datetime
from uuid import UUID

from comanda.engine.idempotency import Seals

TRACKING = "order tracking"
CONFIRM = "order again"

_CONFIRMED = struct.Struct(">IQ")


def tracking_token(seals: Seals, order_id: UUID) -> str:
    """Return the token with which whoever holds it may see the order. It needs no row, and cannot be guessed."""
    return seals.token(TRACKING, order_id.bytes)


def order_of(seals: Seals, token: str) -> UUID | None:
    """Return the order that a tracking token is for, or None."""
    content = seals.open(TRACKING, token)
    return UUID(bytes=content) if content is not None and len(content) == 16 else None  # noqa: PLR2004 - a UUID's bytes


def confirm_token(seals: Seals, restaurant_id: UUID, form_hash: bytes, copy: int, at: datetime) -> str:
    """Return the token that stands for "make this form's copy number `copy`": it can make that one and no other."""
    content = _CONFIRMED.pack(copy, int(at.timestamp()))
    return seals.token(CONFIRM, content, bound_to=restaurant_id.bytes + form_hash)


def confirmed_copy(seals: Seals, token: str, restaurant_id: UUID, form_hash: bytes) -> tuple[int, datetime] | None:
    """Return the copy that a token names and when it was given out; None where it is not for this form."""
    content = seals.open(CONFIRM, token, bound_to=restaurant_id.bytes + form_hash)
    if content is None or len(content) != _CONFIRMED.size:
        return None
    copy, at = _CONFIRMED.unpack(content)
    return copy, datetime.fromtimestamp(at, UTC)
