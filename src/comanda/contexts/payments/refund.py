"""A refund, and how the provider's word changes it. Pure: values in, values out."""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.providers import Failed, LookUp, NotFound, Pending, Succeeded, Unknown
from comanda.contexts.payments.states import RefundState, may_move_refund


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `payments.refunds`; see `model.RefundRow`."""

    id: UUID
    payment_id: UUID
    amount: int
    cause: Literal["asked", "ended"]
    state: RefundState
    reason: str
    created_at: datetime
    failure: str = ""
    provider_ref: str | None = None
    attempts: int = 0
    first_sent_at: datetime | None = None
    check_at: datetime | None = None
    version: int = 1
    trace: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether money may have gone back without our knowing."""
        return self.state in {"sending", "uncertain"}

    def due(self) -> "Refund":
        """Return it ready to be sent: its amount was set aside in its payment."""
        return self._moved("due")

    def sending(self, *, now: datetime, check_at: datetime) -> "Refund":
        """Return it about to be sent (again)."""
        return replace(
            self._moved("sending"),
            attempts=self.attempts + 1,
            first_sent_at=self.first_sent_at or now,
            check_at=check_at,
        )

    def checking(self, *, check_at: datetime) -> "Refund":
        """Return it about to be looked up, and to be looked up again not before `check_at`."""
        return replace(self, attempts=self.attempts + 1, check_at=check_at)

    def refused(self, failure: str) -> "Refund":
        """Return it failed without a call."""
        return replace(self._moved("failed"), failure=failure)

    def after(self, answer: LookUp, *, check_at: datetime) -> "Refund":
        """Return it after the provider's word; the same object when that changes nothing.

        Raises `Contradiction` when another amount went back.
        """
        match answer:
            case Succeeded():
                return self._succeeded(answer)
            case Failed(reason=reason, ref=ref):
                return self._failed(reason, ref) if may_move_refund(self.state, "failed") else self
            case Pending(ref=ref):
                return self._unsure("pending_at_provider", ref, check_at)
            case Unknown(reason=reason):
                return self._unsure(reason, None, check_at)
            case NotFound():
                return self._unsure("not_at_provider", None, check_at)
            case _:
                assert_never(answer)

    def _failed(self, failure: str, ref: str | None) -> "Refund":
        return replace(self._moved("failed"), failure=failure, provider_ref=ref or self.provider_ref, check_at=None)

    def _unsure(self, why: str, ref: str | None, check_at: datetime) -> "Refund":
        if not self.is_open:
            return self
        return replace(self._moved("uncertain"), failure=why, provider_ref=ref or self.provider_ref, check_at=check_at)

    def _succeeded(self, answer: Succeeded) -> "Refund":
        if answer.amount != self.amount:
            raise Contradiction(f"Refund {self.id} is of {self.amount}; the provider gave {answer.amount} back.")
        if not may_move_refund(self.state, "succeeded"):
            return self
        return replace(self._moved("succeeded"), failure="", provider_ref=answer.ref, check_at=None)

    def _moved(self, state: RefundState) -> "Refund":
        if not may_move_refund(self.state, state):
            raise ValueError(f"A refund does not go from {self.state} to {state}.")
        return replace(self, state=state)
