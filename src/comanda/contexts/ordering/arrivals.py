"""An arrival: a request for an order on its way through the intake, and the verdicts that it can meet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.form import CleanForm
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contexts.ordering.states import Status
from comanda.contracts.catalog import Restaurant
from comanda.contracts.promotions import Coupon
from comanda.engine.errors import FieldError
from comanda.engine.idempotency import StoredAnswer


@dataclass(slots=True, kw_only=True)
class Arrival:
    """A request for an order.

    Attributes:
        form: cleaned; None where it has mistakes, which are in `errors` then.
        cart: complete but for what is sold out; None where the menu knows it not.
        form_hash: of the canonical form; empty where there is none, because the form has mistakes.
        fingerprint: of all that makes two requests with one key the same; empty likewise.
        key: the caller's idempotency key, or None.
        scope: within which the key is unique.
        body_hash: of the bytes that were sent.
        caller: who asks, for the record of attempts.
        confirm: the token of "yes, again".
        trace: the `traceparent` of the request: arrivals of many requests are decided together.
    """

    restaurant: Restaurant
    menu: MenuIndex
    form: CleanForm | None
    errors: list[FieldError]
    cart: Cart | None
    form_hash: bytes
    fingerprint: bytes
    coupon: Coupon | None
    key: str | None
    scope: UUID
    body_hash: bytes
    caller: str
    confirm: str | None
    trace: str | None = None


class Earlier(msgspec.Struct, frozen=True):
    """The latest order of the same form."""

    id: UUID
    number: int
    copy: int
    status: Status
    placed_at: datetime
    scope: UUID
    key: str


class Known(msgspec.Struct, frozen=True):
    """What the database knew of an arrival when it was looked up."""

    stored: StoredAnswer | None
    earlier: Earlier | None


Outcome = Literal["placed", "replayed", "asked", "key_reused", "refused"]


class AttemptRow(msgspec.Struct, frozen=True):
    """A line in the record of attempts."""

    at: datetime
    restaurant_id: UUID
    order_id: UUID | None
    outcome: Outcome
    code: str
    key: str
    caller: str


def derived_key(form_hash: bytes, copy: int) -> str:
    """Return the key of a form that came without one: its hash, and the copy that it makes."""
    return f"form:{form_hash.hex()}:{copy}"
