"""The start/stop contract of everything long-lived.

A `Service` is started once and stopped once. `start` returns when the service is ready to be used, or
raises and leaves nothing running; `stop` returns when nothing of it runs any more, may be called at any
time, twice, and before `start`. Tests put every service through the same stress (`tests/conformance`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Service(Protocol):
    """Something long-lived."""

    async def start(self) -> None:
        """Become ready, or raise and leave nothing running."""
        ...

    async def stop(self) -> None:
        """End everything that runs. Safe to call twice, early, and while `start` is under way."""
        ...


class Loop:
    """A service that runs one coroutine function until it is stopped.

    Promise: `run` is called once; it should watch the `asyncio.Event` it is given and return soon after it is
    set. When it does not within `grace_s` seconds, it is cancelled. An exception that escapes `run` is logged and
    handed to `on_crash`: a long-lived part never dies in silence.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[asyncio.Event], Awaitable[None]],
        *,
        grace_s: float = 5.0,
        on_crash: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.name = name
        self._run = run
        self._grace_s = grace_s
        self._on_crash = on_crash
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the coroutine is under way."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Start the coroutine in a task of its own."""
        if self._task is not None or self._stopping.is_set():
            return
        self._task = asyncio.create_task(self._guarded(), name=self.name)

    async def stop(self) -> None:
        """Ask the coroutine to end, wait for it, and cancel it when its grace is over."""
        self._stopping.set()
        task = self._task
        if task is None or task is asyncio.current_task():
            return
        done, _ = await asyncio.wait({task}, timeout=self._grace_s)
        if not done:
            task.cancel()
            await asyncio.wait({task})

    async def _guarded(self) -> None:
        try:
            await self._run(self._stopping)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("service crashed", service=self.name)
            if self._on_crash is not None:
                self._on_crash(error)


@contextlib.asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[None]:
    """Start `services` in order and stop them in the reverse order, whatever happens in between.

    When one fails to start, those before it are stopped and its error is raised.
    """
    async with contextlib.AsyncExitStack() as stack:
        for service in services:
            stack.push_async_callback(service.stop)
            await service.start()
        yield


async def wait_until_set(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for `event` for at most `timeout_s` seconds; return whether it is set."""
    if event.is_set():
        return True
    # Not `wait_for`: that makes a task of its own for each wait, and loops wait all day.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
