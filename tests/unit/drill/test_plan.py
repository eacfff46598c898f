"""The plan of a drill follows from its seed, and begins with what nobody should have to ask for."""

import pytest

from comanda.drill.plan import ALL, FIRST, LEASE_S, LINKS, MAIL_SERVER, POSTGRES, PROVIDER, WEBS, WORKERS, plan


def test_the_same_seed_makes_the_same_plan_and_another_another() -> None:
    """What broke once can be tried again."""
    assert plan(7, 60, pace_s=1.5) == plan(7, 60, pace_s=1.5)
    assert plan(7, 60, pace_s=1.5) != plan(8, 60, pace_s=1.5)


@pytest.mark.parametrize("seed", range(20))
def test_a_short_plan_has_every_sort_that_matters_most(seed: int) -> None:
    """A web, a worker and the provider are killed, PostgreSQL stopped, a worker paused, links and webhooks spoilt."""
    short = plan(seed, len(FIRST), pace_s=1.0)
    assert {fault.kind for fault in short} >= {
        "kill",
        "pause",
        "stop at once",
        "cut",
        "no word",
        "webhooks twice",
        "webhooks out of order",
    }
    killed = {fault.target for fault in short if fault.kind == "kill"}
    assert killed & set(WEBS)
    assert killed & set(WORKERS)
    assert PROVIDER in killed


def test_a_worker_is_paused_beyond_its_lease() -> None:
    """Whoever was paused must find that others have taken over meanwhile."""
    pauses = [fault for fault in plan(3, 300, pace_s=1.0) if fault.kind == "pause" and fault.target in WORKERS]
    assert len(pauses) > 10
    assert all(fault.lasts_s > LEASE_S for fault in pauses)


def test_a_long_plan_leaves_nobody_out() -> None:
    """Every process and every link is struck, and every sort of fault comes."""
    long = plan(5, 600, pace_s=1.0)
    struck = {fault.target for fault in long}
    assert struck == {*WEBS, *WORKERS, PROVIDER, MAIL_SERVER, POSTGRES, *LINKS}
    assert {fault.kind for fault in long} == {card.kind for card in ALL}
    assert [fault.number for fault in long] == list(range(1, 601))


def test_faults_follow_each_other_at_the_pace_that_was_asked_for() -> None:
    """So many minutes are filled with so many faults."""
    long = plan(5, 600, pace_s=1.5)
    assert sum(fault.after_s for fault in long) / 600 == pytest.approx(1.5, rel=0.05)
    assert min(fault.after_s for fault in long) > 0
