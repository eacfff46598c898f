"""A payment, and how the provider's word changes it. Pure: values in, values out."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.providers import Failed, LookUp, NotFound, Pending, Succeeded, Unknown
from comanda.contexts.payments.states import DISOWNED, OPEN, PaymentState, may_move, refundable

NOT_CHARGED = "not_charged_in_time"
"""The reason of a payment that could not be sent while it made sense to, and of which the provider knows nothing."""

ORDER_ENDED = "order_ended"
"""The reason of a payment whose order ended before money moved."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `payments.payments`; see `model.PaymentRow`."""

    id: UUID
    order_id: UUID
    restaurant_id: UUID
    amount: int
    currency: str
    method: str
    state: PaymentState
    provider: str
    created_at: datetime
    provider_ref: str | None = None
    attempts: int = 0
    first_sent_at: datetime | None = None
    check_at: datetime | None = None
    reason: str = ""
    captured: int = 0
    captured_at: datetime | None = None
    refunded: int = 0
    refunding: int = 0
    order_ended: bool = False
    version: int = 1
    trace: str | None = None

    @property
    def refundable(self) -> int:
        """What can still be given back, in minor units."""
        return refundable(captured=self.captured, refunded=self.refunded, refunding=self.refunding)

    @property
    def is_open(self) -> bool:
        """Whether money may have moved without our knowing."""
        return self.state in OPEN

    def sending(self, *, now: datetime, check_at: datetime) -> "Payment":
        """Return it about to be sent (again)."""
        return replace(
            self._moved("sending"),
            attempts=self.attempts + 1,
            first_sent_at=self.first_sent_at or now,
            check_at=check_at,
        )

    def checking(self, *, check_at: datetime) -> "Payment":
        """Return it about to be looked up, and to be looked up again not before `check_at`."""
        return replace(self, attempts=self.attempts + 1, check_at=check_at)

    def left_to_reconciliation(self, *, reason: str, check_at: datetime) -> "Payment":
        """Return it uncertain: no more calls but a look-up, at `check_at` or after."""
        return replace(self._moved("uncertain"), reason=reason, check_at=check_at)

    def free(self, *, now: datetime) -> "Payment":
        """Return it captured without a call, for an order that costs nothing."""
        return replace(self._moved("captured"), captured=self.amount, captured_at=now)

    def ended(self) -> "Payment":
        """Return it after its order ended: void when nothing was sent, else to be given back as soon as it is known."""
        if self.state == "pending":
            return replace(self._moved("void"), order_ended=True, reason=ORDER_ENDED)
        return self if self.order_ended else replace(self, order_ended=True)

    def after(self, answer: LookUp, *, check_at: datetime) -> "Payment":
        """Return it after the provider's word; the same object when that changes nothing.

        `NotFound` is the word of a look-up made long enough after the last call. Raises `Contradiction` when money
        moved that is not ours to explain: another amount, or a second charge.
        """
        match answer:
            case Succeeded():
                return self._captured(answer)
            case Failed(reason=reason, ref=ref):
                return self._over(reason, ref) if self.is_open or self.state == "pending" else self
            case Pending(ref=ref):
                if not self.is_open:
                    return self
                return replace(
                    self._moved("uncertain"), provider_ref=ref, reason="pending_at_provider", check_at=check_at
                )
            case Unknown(reason=reason):
                return replace(self._moved("uncertain"), reason=reason, check_at=check_at) if self.is_open else self
            case NotFound():
                return self._over(NOT_CHARGED, None) if self.is_open else self
            case _:
                assert_never(answer)

    def _captured(self, answer: Succeeded) -> "Payment":
        if (answer.amount, answer.currency) != (self.amount, self.currency):
            raise Contradiction(
                f"Payment {self.id} is for {self.amount} {self.currency}; "
                f"the provider charged {answer.amount} {answer.currency} ({answer.ref})."
            )
        if self.state == "captured":
            if self.provider_ref not in (None, answer.ref):
                raise Contradiction(f"Payment {self.id} was charged twice: {self.provider_ref} and {answer.ref}.")
            return self
        return replace(
            self._moved("captured"),
            provider_ref=answer.ref,
            captured=self.amount,
            captured_at=answer.at,
            check_at=None,
            reason="",
            order_ended=self.order_ended or self.state in DISOWNED,
        )

    def _over(self, reason: str, ref: str | None) -> "Payment":
        """No money moved. Where the order had ended already there is nobody to tell."""
        kept = {"provider_ref": ref or self.provider_ref, "check_at": None}
        if self.order_ended:
            return replace(self._moved("void"), reason=ORDER_ENDED, **kept)
        return replace(self._moved("failed"), reason=reason, **kept)

    def reserve(self, amount: int) -> "Payment":
        """Return it with `amount` on its way back. Raises `ValueError` beyond what is refundable."""
        if not 0 < amount <= self.refundable:
            raise ValueError(f"{amount} of {self.refundable} minor units cannot be given back.")
        return replace(self, refunding=self.refunding + amount)

    def gave_back(self, amount: int) -> "Payment":
        """Return it with `amount`, which was on its way back, arrived."""
        return replace(self, refunding=self.refunding - amount, refunded=self.refunded + amount)

    def kept(self, amount: int) -> "Payment":
        """Return it with `amount`, which was on its way back, not given back after all."""
        return replace(self, refunding=self.refunding - amount)

    def came_back(self, amount: int) -> "Payment":
        """Return it with `amount`, which had gone back, returned to us by the guest's bank."""
        return replace(self, refunded=self.refunded - amount)

    def _moved(self, state: PaymentState) -> "Payment":
        if not may_move(self.state, state):
            raise ValueError(f"A payment does not go from {self.state} to {state}.")
        return replace(self, state=state)
