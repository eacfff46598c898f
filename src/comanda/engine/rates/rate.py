"""A rate: how often something may be done, by all workers together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_SLACK_S = 1.0
SLACK_COSTS = 0.05
"""Of a permit: what it may cost that calls begin late, where the rate is so slow that they may be later than usual."""

LONGEST_KEY = 200
"""Characters of a key that tell one bucket from another."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most `burst + per_s * W` in any window of W seconds, over all workers of all machines.

    Attributes:
        per_s: how often per second in the long run.
        burst: how many at once after a pause; None is a tenth of a second's worth, and at least one.
        by: `(event) -> key`: the rate holds for each key by itself (a mail domain, a provider's account); None is for
            the lane as a whole.
        name: tells two rates of one lane apart that both have a `by`, or both have none.
        recover_s: how long the rate takes from nothing back to all of itself after the other side said "slow down".
    """

    per_s: float
    burst: float | None = None
    by: Callable[[Any], str] | None = None
    name: str = ""
    recover_s: float = 60.0

    def __post_init__(self) -> None:
        if self.per_s <= 0 or self.recover_s <= 0 or (self.burst is not None and self.burst < 1):
            raise ValueError(f"A rate is above 0 per second, recovers, and its burst is at least 1: {self}.")
        if ":" in self.name:
            raise ValueError(f"A rate's name has no colon: {self.name!r}.")

    @property
    def most(self) -> float:
        """How many at once after a pause."""
        return max(1.0, self.per_s / 10) if self.burst is None else self.burst

    @property
    def slack_s(self) -> float:
        """How late after its grant a call may begin for next to nothing: long where the rate is slow."""
        return min(LONGEST_SLACK_S, SLACK_COSTS / self.per_s)

    def bucket(self, event: Any) -> str:
        """Return the name of the bucket from which `event` takes: within a lane, and the same in every worker."""
        return self.name if self.by is None else self.bucket_of(self.by(event))

    def bucket_of(self, key: str) -> str:
        """Return the name of the bucket of `key`."""
        return f"{self.name}:{key}".replace("\0", "")[:LONGEST_KEY]
