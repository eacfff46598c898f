import asyncio
import threading
from collections.abc import Callable

import pytest

from comanda.engine.transports.sns_sqs.threads import Threads

PATIENCE_S = 5.0


async def happened(event: threading.Event) -> bool:
    """Wait for an event of a thread's."""
    return await asyncio.to_thread(event.wait, PATIENCE_S)


def blocking(begun: threading.Event, go_on: threading.Event) -> Callable[[], str]:
    """Return a call that blocks until it may go on."""

    def call() -> str:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return "result"

    return call


async def test_results_and_errors_come_back() -> None:
    """A call in a thread returns and raises as if it were made here."""
    threads = Threads("test", 1)
    assert await threads.run(lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: "the room was given back") == "the room was given back"


async def test_who_is_cancelled_does_not_wait_and_the_result_is_not_lost() -> None:
    """A long poll is left at once; what it brings later is handed to whoever gives it back."""
    begun, go_on, given = threading.Event(), threading.Event(), threading.Event()
    results: list[str] = []

    def take(result: str) -> None:
        results.append(result)
        given.set()

    task = asyncio.create_task(Threads("test", 1).run(blocking(begun, go_on), abandoned=take))
    assert await happened(begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results == []
    go_on.set()
    assert await happened(given)
    assert results == ["result"]


async def test_a_result_that_comes_as_the_caller_is_cancelled_is_handed_over() -> None:
    """Between the result's coming and the caller's waking there is a moment in which both happen."""
    given = threading.Event()
    begun, go_on = threading.Event(), threading.Event()
    go_on.set()
    task = asyncio.create_task(Threads("test", 1).run(blocking(begun, go_on), abandoned=lambda _: given.set()))
    await asyncio.sleep(0)
    # The loop does not turn while we wait for the thread here: its result is told, and not yet taken.
    assert begun.wait(PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await happened(given)


async def test_calls_side_by_side_are_bounded() -> None:
    """A call beyond the bound waits for a place, an abandoned one keeps its place until it ends."""
    threads = Threads("test", 1)
    begun, go_on = threading.Event(), threading.Event()
    first = asyncio.create_task(threads.run(blocking(begun, go_on)))
    assert await happened(begun)
    first.cancel()
    second = asyncio.create_task(threads.run(lambda: "second"))
    done, _ = await asyncio.wait({second}, timeout=0.05)
    assert not done
    go_on.set()
    assert await second == "second"


def test_a_process_ends_without_waiting_for_a_call() -> None:
    """The thread of a call under way is a daemon, and so is that of what gives back."""
    begun, go_on = threading.Event(), threading.Event()
    seen: list[bool] = []

    def call() -> None:
        seen.append(threading.current_thread().daemon)

    asyncio.run(Threads("test", 1).run(call))
    assert seen == [True]
    assert not begun.is_set()
    assert not go_on.is_set()
