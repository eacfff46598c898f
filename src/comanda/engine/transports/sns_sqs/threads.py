"""Threads for boto's blocking calls.

A long poll takes up to 20 seconds and cannot be called off. So whoever waits for a call can be cancelled at once while
the call goes on to its end, and a process ends without waiting for it: the threads are daemons, which those of asyncio
and `concurrent.futures` are not.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Threads:
    """Runs blocking calls, each in a thread of its own.

    Attributes:
        under_way: calls that somebody waits for.

    Args:
        name: of the threads.
        most: calls under way at the same time, abandoned ones included; further ones wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._room = asyncio.Semaphore(most)
        self.under_way = 0

    async def run(self, call: Callable[[], Result], *, abandoned: Callable[[Result], object] | None = None) -> Result:
        """Return what `call` returns, or raise what it raises.

        When the caller is cancelled meanwhile, the call goes on, and `abandoned` is given what it returns, in a thread.
        """
        await self._room.acquire()
        made = _Call(call, abandoned, self._name, self._room)
        made.begin()
        self.under_way += 1
        try:
            return await made.outcome
        except asyncio.CancelledError:
            made.give_up()
            raise
        finally:
            self.under_way -= 1


class _Call(Generic[Result]):
    """One call on its way through a thread and back."""

    def __init__(
        self,
        call: Callable[[], Result],
        abandoned: Callable[[Result], object] | None,
        name: str,
        room: asyncio.Semaphore,
    ) -> None:
        self._call = call
        self._abandoned = abandoned
        self._name = name
        self._room = room
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Result] = self._loop.create_future()

    def begin(self) -> None:
        self._in_thread(self._work)

    def give_up(self) -> None:
        """Hand a result that came in the very moment of the cancellation to whoever takes abandoned ones."""
        if self.outcome.done() and not self.outcome.cancelled() and self.outcome.exception() is None:
            self._abandon(self.outcome.result())

    def _work(self) -> None:
        try:
            result = self._call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for the caller
            self._tell(lambda error=error: self._fail(error))  # type: ignore[misc]
            return
        if not self._tell(lambda: self._succeed(result)) and self._abandoned is not None:
            self._abandoned(result)

    def _tell(self, callback: Callable[[], None]) -> bool:
        """Go on in the event loop; return False when that has ended, as the process is about to."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def _succeed(self, result: Result) -> None:
        self._room.release()
        if self.outcome.done():
            self._abandon(result)
        else:
            self.outcome.set_result(result)

    def _fail(self, error: Exception) -> None:
        self._room.release()
        if not self.outcome.done():
            self.outcome.set_exception(error)

    def _abandon(self, result: Result) -> None:
        abandoned = self._abandoned
        if abandoned is not None:
            self._in_thread(lambda: abandoned(result))

    def _in_thread(self, work: Callable[[], object]) -> None:
        threading.Thread(target=work, name=self._name, daemon=True).start()
