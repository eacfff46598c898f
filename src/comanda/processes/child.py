"""A child of the supervisor: a process of this program in one of its roles, started again when it dies."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.service import Loop, wait_until_set
from comanda.processes import leash

log = structlog.get_logger(__name__)

BAD_SETTINGS = 78
"""Exit status (sysexits' EX_CONFIG) of a process whose settings are wrong: starting it again would not help."""

PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""How long to wait before a child that died is started again, by how often it died in a row; the last is kept to."""

STEADY_S = 20.0
"""A child that lived this long starts with the shortest pause again."""


class Child:
    """One child, as a `Service`. `start` loads its code; `let_go` hands it the settings and lets it begin.

    Args:
        name: for people, and in its log lines.
        arguments: the command and its options.
        grace_s: how long it may take to end when it is told to, before it is killed.
        give_up: called when its settings are wrong, with its name.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        clock: Clock,
        give_up: Callable[[str], None],
        grace_s: float = 12.0,
    ) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._clock = clock
        self._give_up = give_up
        self._grace_s = grace_s
        self._settings: Mapping[str, str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ended = asyncio.Event()
        self._keeper = Loop(f"child {name}", self._keep, grace_s=grace_s + 5)

    @property
    def pid(self) -> int | None:
        """The process id, while there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process; it loads its code and waits."""
        if self._process is None and not self._ended.is_set():
            self._process = await self._spawned()

    async def let_go(self, settings: Mapping[str, str]) -> None:
        """Let it begin with `settings` (environment variables), and from now on start it again when it dies."""
        self._settings = settings
        await self._tell()
        await self._keeper.start()

    async def stop(self) -> None:
        """Tell it to end, wait, kill it when its grace is over."""
        self._ended.set()
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self._grace_s)
            except TimeoutError:
                log.warning("child did not end in time and is killed", child=self.name, pid=process.pid)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        await self._keeper.stop()
        self._process = None

    async def _spawned(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "comanda",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, leash.MARK: self.name},
            # Of its own session: Ctrl-C on the terminal reaches the supervisor alone, which ends all in order.
            start_new_session=True,
        )

    async def _tell(self) -> None:
        if self._process is None or self._process.stdin is None or self._settings is None:
            return
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(leash.message(self._settings))
            await self._process.stdin.drain()

    async def _keep(self, stopping: asyncio.Event) -> None:
        deaths = 0
        while self._process is not None:
            begun = self._clock.monotonic()
            status = await self._process.wait()
            if self._ended.is_set() or stopping.is_set():
                return
            if status == BAD_SETTINGS:
                self._give_up(self.name)
                return
            deaths = 0 if self._clock.monotonic() - begun > STEADY_S else deaths
            pause_s = PAUSES_S[min(deaths, len(PAUSES_S) - 1)]
            deaths += 1
            log.warning("child died and is started again", child=self.name, status=status, pause_s=pause_s)
            if await wait_until_set(self._ended, pause_s):
                return
            self._process = await self._spawned()
            await self._tell()
