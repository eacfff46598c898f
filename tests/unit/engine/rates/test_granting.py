"""Granting: all that an event needs or nothing, keys out of each other's way, and turns in order."""

from datetime import timedelta

import pytest

from comanda.engine.rates import bucket as buckets
from comanda.engine.rates import rate
from comanda.engine.rates.granting import Answer, Granted, KeyWaits, LaneWaits, Round, Want
from comanda.engine.rates.rate import Rate
from tests.fakes.clock import START

LANE = Rate(per_s=100, burst=5)
DOMAIN = Rate(per_s=1, burst=2, by=str)

GRANTED = Granted(0.0)


def want(domain: str | None = None, *, waited: bool = False, lane: bool = False) -> Want:
    """Return what an event of a domain wants, in a lane with or without a rate of its own."""
    lanes = ((LANE, LANE.bucket(None)),) if lane else ()
    keys = ((DOMAIN, DOMAIN.bucket(domain)),) if domain else ()
    return Want(lanes + keys, waited=waited)


class Shelf:
    """Buckets that are asked again and again."""

    def __init__(self) -> None:
        self.buckets: dict[str, buckets.Bucket] = {}
        self.seconds = 0.0

    def ask(self, *wants: Want) -> list[Answer]:
        """Answer `wants` at `seconds`."""
        now = START + timedelta(seconds=self.seconds)
        for each in wants:
            for kind, name in each.buckets:
                self.buckets.setdefault(name, buckets.full(kind, now))
        granting = Round(self.buckets, now=now, slack_s=0.0)
        answers = granting.answer(wants)
        self.buckets = granting.buckets
        return answers


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Full buckets, of which no slack is paid, so that the numbers are round."""
    monkeypatch.setattr(rate, "SLACK_COSTS", 0.0)
    return Shelf()


def test_a_key_that_must_wait_holds_up_no_other(shelf: Shelf) -> None:
    """Forty events of one domain: two go, the others are told when; the other domain's event, behind them, goes."""
    answers = shelf.ask(*[want("a")] * 40, want("b"))
    assert answers[:2] == [GRANTED, GRANTED]
    waits = [answer.wait_s for answer in answers[2:40] if isinstance(answer, KeyWaits)]
    assert waits == pytest.approx([float(n) for n in range(1, 39)], abs=1e-4)
    assert answers[40] == GRANTED


def test_the_lanes_own_rate_ends_the_round(shelf: Shelf) -> None:
    """When the lane has nothing left, nobody is told to go out of the way: all wait for the same."""
    answers = shelf.ask(*[want(f"domain {n}", lane=True) for n in range(8)])
    assert answers == [GRANTED] * 5 + [LaneWaits(0.01)] * 3


def test_all_that_an_event_needs_or_nothing(shelf: Shelf) -> None:
    """An event whose key must wait takes nothing of its lane's, and the other way round."""
    answers = shelf.ask(*[want("a", lane=True)] * 3, *[want("b", lane=True)] * 2, want("c", lane=True))
    assert [isinstance(answer, Granted) for answer in answers] == [True, True, False, True, True, True]
    assert shelf.ask(want("d", lane=True)) == [LaneWaits(0.01)]
    assert shelf.buckets[":d"].tokens == 2


def test_turns_are_kept(shelf: Shelf) -> None:
    """Who comes anew stands behind those who wait, even when there is a permit: that one is promised."""
    shelf.ask(*[want("a")] * 2)
    assert shelf.ask(*[want("a")] * 3) == [KeyWaits(1.0), KeyWaits(2.0), KeyWaits(3.0)]
    shelf.seconds = 1.0
    assert shelf.ask(want("a"))[0] == KeyWaits(pytest.approx(3.0, abs=1e-4))  # type: ignore[arg-type]
    assert shelf.ask(want("a", waited=True)) == [GRANTED]


def test_when_many_come_back_too_early_most_go_to_the_end(shelf: Shelf) -> None:
    """After a slow-down those who come at the time they were told find nothing; they do not all come back at once."""
    shelf.ask(*[want("a")] * 12)
    shelf.seconds = 0.5
    answers = shelf.ask(*[want("a", waited=True)] * 6)
    waits = [answer.wait_s for answer in answers if isinstance(answer, KeyWaits)]
    assert waits == pytest.approx([0.5, 1.5, 2.5, 3.5, 10.5, 11.5], abs=1e-4)


def test_a_slow_rate_leaves_more_time(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permit that took a minute is not lost for ten milliseconds; where a quick rate holds too, that decides."""
    monkeypatch.setattr(rate, "SLACK_COSTS", 0.05)
    assert shelf.ask(want("a"), want("b", lane=True), want(lane=True)) == [
        Granted(0.05),
        Granted(0.0005),
        Granted(0.0005),
    ]
    assert Rate(per_s=1 / 60).slack_s == 1.0
