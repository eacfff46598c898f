"""The life of a payment and of a refund, as tables. Pure.

A payment: `pending` (not sent) → `sending` (a call may be under way) → `captured` or `failed`; `uncertain` when the
tries are used up and nobody knows; `void` when the order ended before money moved. The provider's word comes by three
ways (the call's answer, a webhook, a look-up), in any order, and the table lets only the first of them through.

A refund: `waiting` (for its payment to be known) → `due` (its amount is set aside) → `sending` → `succeeded` or
`failed`, with `uncertain` as above.

`captured` can still follow `failed` and `void`: money that moved is never disowned. It is then given back.
"""

from typing import Literal

PaymentState = Literal["pending", "sending", "captured", "failed", "uncertain", "void"]
RefundState = Literal["waiting", "due", "sending", "uncertain", "succeeded", "failed"]

PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    "pending": frozenset({"sending", "captured", "void"}),
    "sending": frozenset({"sending", "captured", "failed", "uncertain", "void"}),
    "uncertain": frozenset({"sending", "captured", "failed", "uncertain", "void"}),
    "failed": frozenset({"captured"}),
    "void": frozenset({"captured"}),
    "captured": frozenset(),
}

REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    "waiting": frozenset({"due", "failed"}),
    "due": frozenset({"sending"}),
    "sending": frozenset({"sending", "succeeded", "failed", "uncertain"}),
    "uncertain": frozenset({"sending", "succeeded", "failed", "uncertain"}),
    "failed": frozenset(),
    "succeeded": frozenset({"failed"}),
}
"""A refund that succeeded can still fail: a bank sends the money back days later (Stripe: `refund.failed`)."""

OPEN: frozenset[PaymentState] = frozenset({"sending", "uncertain"})
"""States in which money may have moved without our knowing."""

DISOWNED: frozenset[PaymentState] = frozenset({"failed", "void"})
"""States in which we have told the order that no money moved."""


def may_move(source: PaymentState, target: PaymentState) -> bool:
    """Whether a payment may go from one state to the other."""
    return target in PAYMENT_MOVES[source]


def may_move_refund(source: RefundState, target: RefundState) -> bool:
    """Whether a refund may go from one state to the other."""
    return target in REFUND_MOVES[source]


def refundable(*, captured: int, refunded: int, refunding: int) -> int:
    """Return how much can still be given back: what was captured, less what went back or is on its way back."""
    return captured - refunded - refunding
