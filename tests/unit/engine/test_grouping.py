"""Grouping: who comes alone does not wait, who come together go together, and each gets its own."""

import asyncio
from collections.abc import Sequence

import pytest

from comanda.engine.errors import ComandaError, Refused, Unavailable
from comanda.engine.grouping import Grouping


def refusal() -> Refused:
    """Return a refusal."""
    return Refused("no", kind="invalid", code="no")


async def test_what_arrives_meanwhile_goes_together() -> None:
    """While one group is under way, the others gather into the next."""
    gate = asyncio.Event()
    groups: list[list[int]] = []

    async def work(items: Sequence[int]) -> Sequence[int]:
        groups.append(list(items))
        await gate.wait()
        return [item * 2 for item in items]

    grouping: Grouping[int, int] = Grouping("test", work, side_by_side=1)
    await grouping.start()
    first = asyncio.create_task(grouping.submit(1))
    while not groups:  # noqa: ASYNC110 - the first group begins in the loop's next turns
        await asyncio.sleep(0)
    others = [asyncio.create_task(grouping.submit(number)) for number in range(2, 10)]
    await asyncio.sleep(0)
    gate.set()
    assert [await first, *[await other for other in others]] == [number * 2 for number in range(1, 10)]
    assert groups == [[1], list(range(2, 10))]
    await grouping.stop()


async def test_each_gets_its_own_result_or_error() -> None:
    """A refusal among results reaches who asked for it, and nobody else."""

    async def work(items: Sequence[int]) -> Sequence[int | ComandaError]:
        return [refusal() if item == 2 else item for item in items]

    grouping: Grouping[int, int] = Grouping("test", work)
    await grouping.start()
    results = await asyncio.gather(*(grouping.submit(n) for n in range(4)), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [0, 1, 3]
    assert isinstance(results[2], Refused)
    await grouping.stop()


async def test_a_group_that_fails_fails_for_all_in_it() -> None:
    """When the work itself raises, everybody hears it, and the next group goes on."""
    fail = True

    async def work(items: Sequence[int]) -> Sequence[int]:
        if fail:
            raise RuntimeError("planted")
        return list(items)

    grouping: Grouping[int, int] = Grouping("test", work)
    await grouping.start()
    results = await asyncio.gather(*(grouping.submit(n) for n in range(3)), return_exceptions=True)
    assert all(isinstance(result, RuntimeError) for result in results)
    fail = False
    assert await grouping.submit(7) == 7
    await grouping.stop()


async def test_a_full_queue_says_so_at_once() -> None:
    """Beyond the limit nobody waits: they are told to come back."""

    async def work(items: Sequence[int]) -> Sequence[int]:
        await asyncio.Event().wait()
        return list(items)

    grouping: Grouping[int, int] = Grouping("test", work, waiting=2)
    waiting = [asyncio.create_task(grouping.submit(n)) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await grouping.submit(3)
    await grouping.stop()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)


async def test_who_goes_away_harms_nobody() -> None:
    """A guest whose connection broke does not keep the others from their answers."""
    gate = asyncio.Event()

    async def work(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return list(items)

    grouping: Grouping[int, int] = Grouping("test", work, side_by_side=1)
    await grouping.start()
    tasks = [asyncio.create_task(grouping.submit(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    gate.set()
    assert [await tasks[0], await tasks[2]] == [0, 2]
    await grouping.stop()
