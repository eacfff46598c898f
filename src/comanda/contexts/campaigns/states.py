"""The life of a campaign and of one delivery: their states, and the one table of moves between them. Pure."""

from enum import IntEnum
from typing import Literal, get_args

State = Literal["draft", "scheduled", "freezing", "sending", "paused", "finished", "cancelled"]

STATES: tuple[State, ...] = get_args(State)

MOVES: dict[State, frozenset[State]] = {
    "draft": frozenset({"scheduled", "freezing", "cancelled"}),
    "scheduled": frozenset({"draft", "freezing", "cancelled"}),
    "freezing": frozenset({"sending", "paused", "cancelled"}),
    "sending": frozenset({"paused", "finished", "cancelled"}),
    "paused": frozenset({"freezing", "sending", "cancelled"}),
    "finished": frozenset(),
    "cancelled": frozenset(),
}
"""From each state, where a campaign can go. `freezing` writes the ledger; a paused one goes on where it was."""

Policy = Literal["at_most_once", "at_least_once"]
"""What happens to a mail of which nobody can know whether it went out: it stays `uncertain`, or is sent again."""


class Delivery(IntEnum):
    """What became of one recipient's mail, as the ledger keeps it."""

    PENDING = 0
    SENDING = 1
    SENT = 2
    FAILED = 3
    BOUNCED = 4
    SUPPRESSED = 5
    UNCERTAIN = 6


DELIVERY_MOVES: dict[Delivery, frozenset[Delivery]] = {
    Delivery.PENDING: frozenset({Delivery.SENDING, Delivery.SUPPRESSED}),
    Delivery.SENDING: frozenset({Delivery.PENDING, Delivery.SENT, Delivery.FAILED, Delivery.UNCERTAIN}),
    Delivery.SENT: frozenset({Delivery.BOUNCED}),
    Delivery.FAILED: frozenset(),
    Delivery.BOUNCED: frozenset(),
    Delivery.SUPPRESSED: frozenset(),
    Delivery.UNCERTAIN: frozenset({Delivery.PENDING, Delivery.SENT, Delivery.BOUNCED}),
}
"""From each state, where a delivery can go. Back to pending goes only what certainly was not accepted, and what is
uncertain under `at_least_once`."""


def may_move(current: State, to: State) -> bool:
    """Whether a campaign may go from `current` to `to`."""
    return to in MOVES[current]
