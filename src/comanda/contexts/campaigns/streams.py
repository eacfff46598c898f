"""Streams: how a campaign's recipients are cut into runs that are sent to side by side. Pure.

Recipients are numbered in the order of (wave, zone, domain), so that a run of numbers is a run of neighbours. A large
domain gets one to four streams of its own, so that it goes at its own pace; small ones share. Each wave of each zone
has `MOST` streams at most, however many domains there are.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

MOST = 64
"""Streams in a wave of a zone, at most."""

PARTS = 16
"""A stream holds about this part of its wave and zone. With at most two pieces and a rest for each part that a domain
fills, 3 * PARTS + 1 streams are never reached."""

LEAST = 2_000
"""Recipients below which nothing is cut in two: a chunk is hundreds."""

MOST_OF_A_DOMAIN = 4


class Run(msgspec.Struct, frozen=True):
    """A run of recipients.

    Attributes:
        domain: of all their addresses; empty where they are of several.
        first, last: their numbers; there are no gaps.
    """

    wave: int
    zone: str
    domain: str
    first: int
    last: int

    @property
    def people(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


def cut(runs: Sequence[Run], *, apart: Collection[str] = ()) -> list[Run]:
    """Return the streams of a campaign.

    Args:
        runs: all its recipients in the order of their numbers; a domain may come in several pieces.
        apart: domains that never share a stream where they have more than `LEAST` recipients: they have limits.
    """
    streams: list[Run] = []
    for _, of_zone in groupby(_whole(runs), key=lambda run: (run.wave, run.zone)):
        streams += _cut_zone(list(of_zone), apart)
    return streams


def merged(runs: Sequence[Run], *, small: int) -> list[Run]:
    """Return one page's runs with neighbours of fewer than `small` people joined.

    The first and the last domain stay by themselves: they may go on in the pages before and after.
    """
    kept: list[Run] = []
    for place, run in enumerate(runs):
        at_edge = place in {0, len(runs) - 1}
        shared = run if at_edge or run.people >= small else msgspec.structs.replace(run, domain="")
        before = kept[-1] if kept else None
        if before is not None and not shared.domain and not before.domain and _beside(before, shared):
            kept[-1] = _joined(before, shared)
        else:
            kept.append(shared)
    return kept


def _whole(runs: Iterable[Run]) -> Iterator[Run]:
    """Put the pieces of each domain together."""
    last: Run | None = None
    for run in runs:
        if last is not None and _beside(last, run) and last.domain == run.domain:
            last = _joined(last, run)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def _cut_zone(runs: Sequence[Run], apart: Collection[str]) -> Iterator[Run]:
    part = max(LEAST, -(-sum(run.people for run in runs) // PARTS))

    def alone(run: Run) -> bool:
        return bool(run.domain) and run.people >= (LEAST if run.domain in apart else part)

    for is_alone, group in groupby(runs, key=alone):
        if is_alone:
            for run in group:
                yield from _evenly(run, min(MOST_OF_A_DOMAIN, -(-run.people // part)))
        else:
            together = list(group)
            shared = together[0]
            for run in together[1:]:
                shared = _joined(shared, run)
            yield from _evenly(shared, -(-shared.people // part))


def _evenly(run: Run, pieces: int) -> Iterator[Run]:
    for piece in range(pieces):
        first = run.first + piece * run.people // pieces
        last = run.first + (piece + 1) * run.people // pieces - 1
        yield msgspec.structs.replace(run, first=first, last=last)


def _beside(one: Run, other: Run) -> bool:
    return (one.wave, one.zone) == (other.wave, other.zone)


def _joined(one: Run, other: Run) -> Run:
    domain = one.domain if one.domain == other.domain else ""
    return msgspec.structs.replace(one, domain=domain, last=other.last)
