"""Granting: who of those that want to begin may, and when the others should come back. Pure arithmetic.

An event needs a permit of each of its lane's rates, and gets all of them or none. Events come one after another:

- one whose *key* has nothing left, or whose key others wait for already, is told when its turn is likely; it goes out
  of the way (it is parked), and those behind it are looked at;
- one whose *lane* has nothing left ends the round: all behind it would wait for the same.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.engine.rates import bucket as buckets
from comanda.engine.rates.bucket import Bucket
from comanda.engine.rates.rate import Rate

NEAR = 4
"""So many events of a key that came back when they were told to and found nothing wait for the very next permits; more
than that (the rate was lowered meanwhile) go to the end of the queue, so that they do not all come back at once."""


class Want(msgspec.Struct, frozen=True):
    """An event that is to begin.

    Attributes:
        buckets: the rates that hold for it, and from which bucket of each it takes.
        waited: whether it has waited for its turn, and comes at the time it was told.
    """

    buckets: tuple[tuple[Rate, str], ...]
    waited: bool = False


class Granted(msgspec.Struct, frozen=True):
    """It may begin, within `slack_s` of when it asked."""

    slack_s: float


class KeyWaits(msgspec.Struct, frozen=True):
    """Its key must wait: it should come back after `wait_s`. Others need not wait for it."""

    wait_s: float


class LaneWaits(msgspec.Struct, frozen=True):
    """The lane must wait: there is no use in asking again, for any event, before `wait_s` has passed."""

    wait_s: float


Answer = Granted | KeyWaits | LaneWaits


class Round:
    """One round of granting, on the buckets as they are at `now`.

    Args:
        stored: the buckets by name; all that the wants name.
        slack_s: within how many seconds of `now` a granted call begins, where its rates do not leave it longer.

    Attributes:
        changed: the names of the buckets that are to be written back.
    """

    def __init__(self, stored: dict[str, Bucket], *, now: datetime, slack_s: float) -> None:
        self.buckets = dict(stored)
        self.changed: set[str] = set()
        self._now = now
        self._slack_s = slack_s
        self._filled: set[str] = set()
        self._came_back: dict[str, int] = {}

    def answer(self, wants: Sequence[Want]) -> list[Answer]:
        """Return an answer for each of `wants`, in their order."""
        for want in wants:
            for rate, name in want.buckets:
                self._fill(rate, name)
        answers: list[Answer] = []
        lane_waits: LaneWaits | None = None
        for want in wants:
            answer = lane_waits or self._answer(want)
            if isinstance(answer, LaneWaits):
                lane_waits = answer
            answers.append(answer)
        return answers

    def slow_down(self, rates: Sequence[tuple[Rate, str]], after_s: float | None) -> None:
        """Write down that the other side said "slow down"."""
        for rate, name in rates:
            self._set(name, buckets.slowed(rate, self.buckets[name], self._now, after_s))

    def _answer(self, want: Want) -> Answer:
        keyed = [(rate, name) for rate, name in want.buckets if rate.by is not None]
        waits = [self._key_waits(rate, name, want) for rate, name in keyed if self._must_wait(name, want)]
        if waits:
            return KeyWaits(max(waits))
        lane = [(rate, name) for rate, name in want.buckets if rate.by is None]
        empty = [buckets.next_at(rate, self.buckets[name]) for rate, name in lane if self._is_empty(name)]
        if empty:
            return LaneWaits(self._seconds_until(max(empty)))
        slack_s = self._slack(want)
        for rate, name in want.buckets:
            left = buckets.taken(rate, self.buckets[name], slack_s)
            if left is None:
                raise AssertionError(f"The bucket {name!r} was just seen to have a token.")
            self._set(name, left)
        return Granted(slack_s)

    def _slack(self, want: Want) -> float:
        return max(self._slack_s, min((rate.slack_s for rate, _ in want.buckets), default=0.0))

    def _must_wait(self, name: str, want: Want) -> bool:
        bucket = self.buckets[name]
        queued = bucket.promised_until is not None and bucket.promised_until > self._now
        # Who comes anew stands behind those who wait already; who has waited does not.
        return self._is_empty(name) or (queued and not want.waited)

    def _is_empty(self, name: str) -> bool:
        bucket = self.buckets[name]
        return bucket.tokens < 1 or bucket.filled_at > self._now  # The latter while the other side wants a pause.

    def _key_waits(self, rate: Rate, name: str, want: Want) -> float:
        bucket = self.buckets[name]
        if want.waited:
            place = self._came_back.get(name, 0)
            self._came_back[name] = place + 1
            if place < NEAR:
                return self._seconds_until(buckets.next_at(rate, bucket, place))
        bucket, at = buckets.promised(rate, bucket, self._slack(want))
        self._set(name, bucket)
        return self._seconds_until(at)

    def _seconds_until(self, at: datetime) -> float:
        return max(0.0, (at - self._now).total_seconds())

    def _fill(self, rate: Rate, name: str) -> None:
        if name not in self._filled:
            self._filled.add(name)
            self.buckets[name] = buckets.refilled(rate, self.buckets[name], self._now)

    def _set(self, name: str, bucket: Bucket) -> None:
        self.buckets[name] = bucket
        self.changed.add(name)
