"""Turns: lanes share a worker's time by share, and whoever stays long keeps nobody waiting."""

import asyncio

import pytest

from comanda.engine.lanes.turns import Turns
from tests.fakes.clock import FakeClock


async def rounds(turns: Turns, order: list[str], lane: str, share: int, count: int) -> None:
    """Take `count` turns, one after the other."""
    for _ in range(count):
        async with turns.turn(lane, share):
            order.append(lane)
            await asyncio.sleep(0)


async def test_turns_follow_the_shares(clock: FakeClock) -> None:
    """Of two lanes that always want to work, the one with three times the share works three times as often."""
    turns = Turns(clock, most=1, lend_s=60.0)
    order: list[str] = []
    await asyncio.gather(*(rounds(turns, order, lane, share, 100) for lane, share in (("big", 30), ("small", 10))))
    first = order[:80]
    assert first.count("big") == pytest.approx(60, abs=3)


async def test_a_quiet_lane_waits_for_a_turn_not_for_a_backlog(clock: FakeClock) -> None:
    """A lane that comes late to a flooded worker is served after at most one turn of each other lane."""
    turns = Turns(clock, most=1, lend_s=60.0)
    order: list[str] = []
    flood = [asyncio.create_task(rounds(turns, order, f"flood {n}", 10, 200)) for n in range(3)]
    while len(order) < 100:  # noqa: ASYNC110 - lets the flood run for a while
        await asyncio.sleep(0)
    came = len(order)
    await rounds(turns, order, "quiet", 10, 1)
    await asyncio.gather(*flood)
    assert order.index("quiet") - came <= 4


async def test_a_long_turn_keeps_nobody_waiting(clock: FakeClock) -> None:
    """When a lane stays in its turn, its place is lent to the next."""
    turns = Turns(clock, most=1, lend_s=0.001)
    order: list[str] = []
    async with asyncio.timeout(20), turns.turn("slow", 10):
        await rounds(turns, order, "quick", 10, 3)
    assert order == ["quick"] * 3
    async with asyncio.timeout(20):
        await asyncio.gather(*(rounds(turns, order, lane, 10, 5) for lane in ("a", "b")))


async def test_without_lending_a_long_turn_blocks(clock: FakeClock) -> None:
    """Planted: where places are never lent on, the test above would wait for ever."""
    turns = Turns(clock, most=1, lend_s=3600.0)
    async with turns.turn("slow", 10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await rounds(turns, [], "quick", 10, 1)


async def test_whoever_is_cancelled_loses_no_place(clock: FakeClock) -> None:
    """A lane that is cancelled while it waits, or as it is served, leaves the place to others."""
    turns = Turns(clock, most=1, lend_s=3600.0)
    order: list[str] = []
    async with turns.turn("first", 10):
        waiting = [asyncio.create_task(rounds(turns, order, f"waiting {n}", 10, 1)) for n in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting, return_exceptions=True)
        await rounds(turns, order, "last", 10, 1)
    assert order == ["waiting 2", "last"]
