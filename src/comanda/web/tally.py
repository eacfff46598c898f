"""What a web process has answered since it began: how many requests, with which status, how soon.

It stands on the path of every request, so adding costs about a microsecond: two reads of the clock, a search among ten
bounds, two additions.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

import msgspec

from comanda.engine.clock import Clock

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the histogram's buckets; the last bucket has none."""

KINDS = (("/api/", "api"), ("/static/", "static"), ("/staff", "staff"), ("/ops", "staff"))
"""Beginnings of paths, and what the requests for them are called; all others are pages."""

PROBES = frozenset({"/livez", "/readyz", "/metrics"})


class Answers(msgspec.Struct):
    """How soon the answers to one kind of request began: their number in each bucket, and the sum of the seconds."""

    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Yield each bound with the number of answers that began up to it, as Prometheus counts them."""
        total = 0
        for bound, number in zip((*map(str, BOUNDS_S), "+Inf"), self.buckets, strict=True):
            total += number
            yield bound, total


class RequestTally:
    """Counts what one process answers."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        self._statuses: dict[tuple[str, int], int] = {}
        self._answers: dict[str, Answers] = {}

    def add(self, path: str, status: int, began_s: float) -> None:
        """Count an answer that begins now, to a request that came at `began_s` of `now()`."""
        kind = kind_of(path)
        seconds = self.now() - began_s
        key = (kind, status // 100)
        self._statuses[key] = self._statuses.get(key, 0) + 1
        answers = self._answers.get(kind)
        if answers is None:
            answers = self._answers[kind] = Answers()
        answers.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        answers.sum_s += seconds

    @property
    def statuses(self) -> Mapping[tuple[str, int], int]:
        """The number of answers by kind and the first digit of their status."""
        return self._statuses

    @property
    def answers(self) -> Mapping[str, Answers]:
        """How soon answers began, by kind."""
        return self._answers


def kind_of(path: str) -> str:
    """Return what requests for a path are called."""
    for beginning, kind in KINDS:
        if path.startswith(beginning):
            return kind
    return "probe" if path in PROBES else "page"
