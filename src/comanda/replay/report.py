"""What a replay reports."""

from collections.abc import Sequence

import msgspec

from comanda.replay.placing import PlacedOrder

MOST_LISTED = 50
"""Problems listed; all are counted."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the database has of the replay's restaurant: orders, and their total in minor units."""

    orders: int
    total: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file.

    Attributes:
        orders_in_file, total_in_file: what there should be; money is minor units.
        orders, total: distinct orders that were answered with 201, and what they add up to.
        stored: what the database has, where it could be asked; not one more.
        fresh, replays: answers that were given for the first time, and again.
        conflicts: reloads answered by 409.
        cuts: connections broken off before the answer.
        requests: sent in all; `retried` of them again, because nobody had answered.
        seconds, orders_per_s, requests_per_s: of placing all.
        p50_ms, p99_ms: from a click to its answer.
        wrong: how many things are not as they must be; `problems` lists the first.
    """

    file: str
    restaurant: str
    seed: int
    clicks: int
    orders_in_file: int
    total_in_file: int
    orders: int
    total: int
    stored: Stored | None
    fresh: int
    replays: int
    conflicts: int
    cuts: int
    requests: int
    retried: int
    seconds: float
    orders_per_s: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    wrong: int
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether everything is as it must be."""
        return self.wrong == 0


def report(
    outcomes: Sequence[PlacedOrder],
    *,
    file: str,
    restaurant: str,
    seed: int,
    clicks: int,
    seconds: float,
    stored: Stored | None,
) -> Report:
    """Add up what came of all orders."""
    expected = sum(outcome.source.cents for outcome in outcomes)
    made = {outcome.id: outcome.total or 0 for outcome in outcomes if outcome.id is not None}
    problems = [f"Order {o.source.id} of the file: {problem}." for o in outcomes for problem in o.problems]
    if len(made) != len(outcomes):
        problems.append(f"{len(made)} orders were made of {len(outcomes)} in the file.")
    if sum(made.values()) != expected:
        problems.append(f"All orders cost {sum(made.values())}, and {expected} in the file.")
    if stored is not None and (stored.orders, stored.total) != (len(outcomes), expected):
        problems.append(
            f"The database has {stored.orders} orders for {stored.total}; the file {len(outcomes)} for {expected}."
        )
    answers = sum(outcome.fresh + outcome.replays + outcome.asked for outcome in outcomes)
    cuts = sum(outcome.cuts for outcome in outcomes)
    tries = sum(outcome.tries for outcome in outcomes)
    times = sorted(took_s for outcome in outcomes for took_s in outcome.clicks_s)
    return Report(
        file=file,
        restaurant=restaurant,
        seed=seed,
        clicks=clicks,
        orders_in_file=len(outcomes),
        total_in_file=expected,
        orders=len(made),
        total=sum(made.values()),
        stored=stored,
        fresh=sum(outcome.fresh for outcome in outcomes),
        replays=sum(outcome.replays for outcome in outcomes),
        conflicts=sum(outcome.asked for outcome in outcomes),
        cuts=cuts,
        requests=tries + cuts,
        retried=max(0, tries - answers),
        seconds=round(seconds, 3),
        orders_per_s=round(len(made) / seconds, 1),
        requests_per_s=round((tries + cuts) / seconds, 1),
        p50_ms=_percentile_ms(times, 0.5),
        p99_ms=_percentile_ms(times, 0.99),
        wrong=len(problems),
        problems=tuple(problems[:MOST_LISTED]),
    )


def _percentile_ms(times: Sequence[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 1) if times else 0.0
