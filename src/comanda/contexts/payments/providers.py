"""The port to a payment provider: what is asked of one, and what it can answer.

The id of the payment's row is the idempotency key of its charge, the id of the refund's row that of its refund: asking
twice within the provider's key window takes effect once. A call never raises for what networks and servers do: whatever
leaves open whether the charge was made (time-out, broken connection, 5xx, a rate limit, our own key refused) is the
answer `Unknown`, and it is the caller who decides whether to ask again, to look up or to wait.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from comanda.engine.errors import RetryLater, SlowDown


class ChargeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that is wanted.

    Attributes:
        payment_id: our row's id; the provider's idempotency key.
        amount: minor units of `currency`, above 0.
        currency: ISO 4217, upper case.
        method: what the guest pays with, in the provider's terms (`pm_card_visa`); empty where the guest chose nothing.
    """

    payment_id: UUID
    order_id: UUID
    amount: int
    currency: str
    method: str


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is wanted, of a charge that the provider knows as `charge_ref`. `refund_id` is the key."""

    refund_id: UUID
    payment_id: UUID
    charge_ref: str
    amount: int
    currency: str


class ChargeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which charge to look for: by our id, and by the provider's reference where we have been told it."""

    payment_id: UUID
    charge_ref: str | None
    first_sent_at: datetime


class RefundQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which refund to look for."""

    refund_id: UUID
    charge_ref: str


class Succeeded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Money moved. `amount` is what the provider says it moved; `at` is when, by the provider's clock."""

    ref: str
    amount: int
    currency: str
    at: datetime


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No money moved, and under this key none will. `reason` is a slug such as `card_declined`."""

    reason: str
    ref: str | None = None


class Pending(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The provider has it, and will say later what became of it."""

    ref: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It cannot be known from this call.

    Attributes:
        retry_after_s: what the provider asked for, if it did.
        too_often: whether the provider said that we call too often: HTTP 429.
    """

    reason: str
    retry_after_s: float | None = None
    too_often: bool = False

    def again(self) -> RetryLater:
        """Return what a lane raises to try again."""
        reason = f"The provider's answer is not known: {self.reason}."
        return (SlowDown if self.too_often else RetryLater)(reason, after_s=self.retry_after_s)


class NotFound(msgspec.Struct, frozen=True, tag=True):
    """The provider has no such thing: a look-up's answer alone."""


Answer = Succeeded | Failed | Pending | Unknown
LookUp = Succeeded | Failed | Pending | Unknown | NotFound


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified webhook says.

    Attributes:
        id: the provider's id of the event; the same event delivered twice has the same.
        kind: of what it speaks.
        subject: our id: of the payment, or of the refund.
    """

    id: str
    kind: Literal["charge", "refund"]
    subject: UUID
    answer: Answer


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the provider's books. `subject` is our id (see `WebhookEvent`), None where it has none."""

    kind: Literal["charge", "refund"]
    ref: str
    subject: UUID | None
    state: Literal["succeeded", "failed", "pending"]
    amount: int
    currency: str
    at: datetime


class PaymentProvider(Protocol):
    """Someone who moves money.

    Attributes:
        name: the last part of its webhook's address, and what stands in `payments.provider`.
        key_window_s: how long it remembers an idempotency key, from the key's first use. After that the same key would
            charge again.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above

    @property
    def key_window_s(self) -> float: ...  # noqa: D102 - told above

    async def charge(self, request: ChargeRequest) -> Answer:
        """Charge, under the key `payment_id`. Raises `Contradiction` when the key was used for something else."""
        ...

    async def refund(self, request: RefundRequest) -> Answer:
        """Refund, under the key `refund_id`. Raises `Contradiction` when the key was used for something else."""
        ...

    async def look_up_charge(self, query: ChargeQuery) -> LookUp:
        """Say what became of a charge. When there are several for one id, the one that succeeded."""
        ...

    async def look_up_refund(self, query: RefundQuery) -> LookUp:
        """Say what became of a refund."""
        ...

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Verify a webhook and return what it says; None when it speaks of nothing of ours.

        Raises `WebhookRejected` when it is not proven to come from the provider. Names of headers are lower case.
        """
        ...

    async def ping(self) -> None:
        """Raise `Unavailable` when the provider does not answer."""
        ...

    async def stop(self) -> None:
        """Close what is open. The next call would open it again."""
        ...


class ProviderLedger(Protocol):
    """The provider's books, to be laid beside ours."""

    def ledger(self) -> AsyncIterator[LedgerEntry]:
        """Go through all charges and refunds, in the order of their making."""
        ...
