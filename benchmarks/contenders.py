"""Who takes part in the engine's benchmark, and how each is run: processes on one PostgreSQL and one Redis."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from served import free_port

from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.migrations import migrate

HERE = Path(__file__).parent
TOOLS = HERE.parent / ".tools"
PEERS_PYTHON = TOOLS / "peers" / "bin" / "python"
PATIENCE_S = 120.0

ENGINE = (sys.executable, str(HERE / "engine_contender.py"))
CEILING = (sys.executable, str(HERE / "ceiling.py"))
PGQUEUER = (str(PEERS_PYTHON), str(HERE / "peers" / "run_pgqueuer.py"))
DRAMATIQ = (str(PEERS_PYTHON), str(HERE / "peers" / "run_dramatiq.py"))
FASTSTREAM = (str(PEERS_PYTHON), str(HERE / "peers" / "run_faststream.py"))


@dataclass(frozen=True)
class Contender:
    """Somebody who handles events.

    Attributes:
        name: in the table.
        program: its command line, before the command.
        work: what follows `work URL`.
        jobs: how many to drain with one worker: enough for a few seconds.
        redis: whether it runs on Redis.
    """

    name: str
    program: tuple[str, ...]
    work: tuple[str, ...]
    jobs: int
    redis: bool = False


@dataclass
class Servers:
    """The two servers, and the databases made on the one."""

    postgres_url: str
    redis_port: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def redis_url(self) -> str:
        """Where Redis is."""
        return f"redis://127.0.0.1:{self.redis_port}/0"

    async def template(self) -> None:
        """Make the migrated database that the engine's are copies of."""
        await _run(self.postgres_url, "CREATE DATABASE engine_template")
        url = _database(self.postgres_url, "engine_template")
        await migrate(url)
        await _run(url, "CREATE TABLE effects (place bigserial PRIMARY KEY, bell text, number int)")
        await _run(url, "CREATE TABLE orders (number int)")

    @contextlib.asynccontextmanager
    async def fresh(self, contender: Contender) -> AsyncIterator[str]:
        """Lend a contender a database of its own, empty."""
        name = f"bench_{next(self.numbers)}"
        template = "TEMPLATE engine_template" if contender.program == ENGINE else ""
        await _run(self.postgres_url, f"CREATE DATABASE {name} {template}")
        url = _database(self.postgres_url, name)
        if contender.program != ENGINE:
            await told([*CEILING, "prepare", url] if contender.redis else [*contender.program, "prepare", url])
        if contender.redis:
            await told(["redis-cli", "-p", str(self.redis_port), "flushall"])
        yield url
        await _run(self.postgres_url, f"DROP DATABASE {name} WITH (FORCE)")

    def address(self, contender: Contender, url: str) -> str:
        """Return what a contender is told as the place of its jobs."""
        return self.redis_url if contender.redis else url


@contextlib.asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run PostgreSQL as `comanda up` does, fsync on, and Redis with its append-only file synced every second."""
    with tempfile.TemporaryDirectory(prefix="comanda-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder))
        await postgres.start()
        port = free_port()
        redis = await asyncio.create_subprocess_exec(
            *("redis-server", "--port", str(port), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        try:
            lent = Servers(postgres.url, port)
            await lent.template()
            yield lent
        finally:
            redis.terminate()
            await redis.wait()
            await postgres.stop()


class Workers:
    """The worker processes of one contender."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self.processes = processes
        self._counts = [0] * len(processes)
        self._last = 0.0
        self._rest: list[dict[str, Any]] = []

    async def go(self) -> float:
        """Let all begin; return when."""
        began = time.clock_gettime(time.CLOCK_MONOTONIC)
        for process in self.processes:
            _input(process).write(b"go\n")
        return began

    async def until(self, count: int) -> float:
        """Wait until `count` were handled; return when the last was."""
        async with asyncio.timeout(PATIENCE_S):
            watching = [asyncio.create_task(self._watch(n)) for n in range(len(self.processes))]
            try:
                while sum(self._counts) < count:  # noqa: ASYNC110 - reports come in from several processes
                    await asyncio.sleep(0.01)
            finally:
                for task in watching:
                    task.cancel()
        return self._last

    def memory_mib(self) -> float:
        """Return the largest resident size that any of them has had."""
        return max(_peak_mib(process.pid) for process in self.processes)

    async def end(self) -> list[tuple[int, float]]:
        """End them; return what they noted of single events."""
        stamps: list[tuple[int, float]] = []
        for process in self.processes:
            _input(process).close()
            output = (await process.communicate())[0].decode()
            stamps += [tuple(s) for line in output.splitlines() for s in json.loads(line).get("stamps", [])]
        return stamps

    async def _watch(self, number: int) -> None:
        output = self.processes[number].stdout
        if output is None:
            raise AssertionError("started with pipes")
        while line := await output.readline():
            report = json.loads(line)
            self._counts[number] = report["count"]
            self._last = max(self._last, report["last"])


@contextlib.asynccontextmanager
async def working(contender: Contender, address: str, *, processes: int, effects_url: str) -> AsyncIterator[Workers]:
    """Start the worker processes of a contender; they wait for the word."""
    started = [
        await asyncio.create_subprocess_exec(
            *contender.program,
            "work",
            address,
            *contender.work,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
            env={**os.environ, "EFFECTS_URL": effects_url},
        )
        for _ in range(processes)
    ]
    try:
        for process in started:
            if process.stdout is None or (await process.stdout.readline()).strip() != b"ready":
                raise SystemExit(f"{contender.name} did not start")
        yield Workers(started)
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def told(command: Sequence[str]) -> dict[str, Any]:
    """Run a program to its end and return the JSON of its last line."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output = (await process.communicate())[0].decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    lines = output.splitlines()
    return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}


async def settle(url: str) -> None:
    """Bring the server to rest after a table was filled, as it would be in daily work."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE", timeout=300)
        await connection.execute("CHECKPOINT", timeout=300)
    finally:
        await connection.close()


async def count_effects(url: str) -> int:
    """Return how many effects were committed."""
    connection = await asyncpg.connect(url)
    try:
        number: int = await connection.fetchval("SELECT count(*) FROM effects")
    finally:
        await connection.close()
    return number


def _input(process: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    if process.stdin is None:
        raise AssertionError("started with pipes")
    return process.stdin


def _peak_mib(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def _database(url: str, name: str) -> str:
    return url.replace("/comanda?", f"/{name}?")


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
