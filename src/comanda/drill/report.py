"""What a drill reports."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from comanda.drill.faults import Struck
from comanda.drill.timeline import Moment
from comanda.drill.verdict import Counts, Finding

MOST_LISTED = 50
"""Findings listed; all are counted."""

MOST_TOLD = 3
"""Orders whose whole story is told."""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """An order that broke, and its story."""

    finding: Finding
    timeline: tuple[Moment, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a drill.

    Attributes:
        seed, planned: the same make the same plan again.
        struck: how many faults struck; `faults` counts them by what was done, and to whom.
        seconds: of ordering and striking, and `drained_s` of coming to an end afterwards.
        clicks: requests that the guests sent.
        silence_s: the longest time without a new order's 201.
        refused: how often a worker whose lease had ended stopped by itself or was refused its commit.
        counts: what was counted, see `verdict.Counts`.
        lost, doubled, wrong, uncertain: how many findings there are of each sort; `findings` lists the first.
        undrained: what had not come to its end when patience did.
        ended: processes that ended although nobody had hurt them, with their exit statuses.
        crashes: unforeseen errors in the processes' log.
        audit_wrong: what `comanda audit` found, and `audit` its findings as sentences.
        broken: the first orders that broke, with their stories.
        kept: the folder with the system's data and log, where something broke; empty when nothing did.
    """

    seed: int
    planned: int
    struck: int
    faults: dict[str, dict[str, int]]
    seconds: float
    drained_s: float
    clicks: int
    silence_s: float
    refused: int
    counts: Counts
    lost: int
    doubled: int
    wrong: int
    uncertain: int
    findings: tuple[Finding, ...]
    undrained: tuple[str, ...]
    ended: tuple[str, ...]
    crashes: tuple[str, ...]
    audit_wrong: int
    audit: tuple[str, ...]
    broken: tuple[Broken, ...]
    kept: str = ""

    @property
    def good(self) -> bool:
        """Whether all is as it must be."""
        told = self.undrained or self.ended or self.crashes
        return not (told or self.lost or self.doubled or self.wrong or self.audit_wrong)


def by_kind(struck: Sequence[Struck]) -> dict[str, dict[str, int]]:
    """Return how often each sort of fault struck each sort of target."""
    counted: dict[str, Counter[str]] = {}
    for one in struck:
        counted.setdefault(one.fault.kind, Counter())[_sort(one.fault.target)] += 1
    return {kind: dict(whom.most_common()) for kind, whom in sorted(counted.items())}


def _sort(target: str) -> str:
    """Return the target without its number: three workers are one sort."""
    return " ".join(word.rstrip("0123456789").rstrip("-") for word in target.split())
