"""Hands: which claims this process has, and what it knows of them. In memory only.

A claim is in hand from just before it is committed until it is settled. What this process will never conclude itself
(its lane was stopped or lost its lease in between) is handed to the settler by the same table, so that nobody settles
what may still be sent.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from comanda.engine.clock import Clock
from comanda.mail.pipeline import Outcome

UNBEGUN_S = 60.0
"""A claim that nobody has begun to send for so long is given back; who comes to it later finds it gone."""

UNCONCLUDED_S = 20.0
"""After so long without a conclusion, what was sent is settled by the settler."""


class Hand(msgspec.Struct):
    """A claim in hand.

    Attributes:
        begun: whether sending has begun.
        outcomes: what became of it, once it has ended.
        since: when it came to be as it is, monotonic.
    """

    since: float
    begun: bool = False
    outcomes: Mapping[int, Outcome] | None = None


class Hands:
    """The claims of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hands: dict[UUID, Hand] = {}

    def __contains__(self, claim: UUID) -> bool:
        return claim in self._hands

    def take(self, claim: UUID) -> None:
        """Take a claim that is about to be committed."""
        self._hands[claim] = Hand(self._clock.monotonic())

    def begin(self, claim: UUID) -> bool:
        """Begin to send; return False where the claim was given back meanwhile, and nothing may be sent."""
        hand = self._hands.get(claim)
        if hand is None or hand.begun:
            return False
        hand.begun = True
        return True

    def end(self, claim: UUID, outcomes: Mapping[int, Outcome]) -> None:
        """Note what became of a claim: nothing more is sent for it."""
        self._hands[claim] = Hand(self._clock.monotonic(), begun=True, outcomes=outcomes)

    def drop(self, claim: UUID) -> None:
        """Let go of a claim that is settled."""
        self._hands.pop(claim, None)

    def left(self) -> dict[UUID, Mapping[int, Outcome]]:
        """Return the claims that this process will not conclude itself any more, with what became of them.

        Those that were never begun cannot be begun from now on. To be settled, and dropped then.
        """
        now = self._clock.monotonic()
        found: dict[UUID, Mapping[int, Outcome]] = {}
        for claim, hand in self._hands.items():
            if hand.outcomes is not None and now - hand.since >= UNCONCLUDED_S:
                found[claim] = hand.outcomes
            elif not hand.begun and now - hand.since >= UNBEGUN_S:
                hand.begun, hand.outcomes = True, {}
                found[claim] = hand.outcomes
        return found
