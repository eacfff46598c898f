"""A rate over real processes is exact in every window."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from comanda.engine.database import Database
from comanda.engine.rates import Rate
from tests.fakes.caller_process import Terms
from tests.fakes.lanes import Rung, make_effects, ringing, until
from tests.fakes.windows import excess

ROUNDING = 1e-3
"""Calls: the machine's clock, which tells when calls begin, and the database's are not the same instant's."""


async def processes(url: str, *terms: Terms) -> list[float]:
    """Let a process for each of `terms` call at the same time; return when the calls began, of all together."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.caller_process",
            url,
            msgspec.json.encode(each).decode(),
            stdout=asyncio.subprocess.PIPE,
        )
        for each in terms
    ]
    said = await asyncio.gather(*(process.communicate() for process in started))
    assert [process.returncode for process in started] == [0] * len(terms)
    return [at for output, _ in said for at in msgspec.json.decode(output, type=list[float])]


@pytest.mark.slow  # Two processes call for two seconds, for each of two shapes of a rate.
@pytest.mark.parametrize(("per_s", "burst", "slack_s"), [(200.0, 40.0, 0.1), (50.0, 1.0, 0.02)])
async def test_no_window_of_two_processes_holds_more_than_promised(
    database: Database, per_s: float, burst: float, slack_s: float
) -> None:
    """Two processes ask as much as they can and begin as late as they may; every window keeps the promise."""
    terms = [Terms(per_s=per_s, burst=burst, slack_s=slack_s, seconds=2.0, seed=seed) for seed in (1, 2)]
    calls = await processes(database.url, *terms)
    assert excess(Rate(per_s=per_s, burst=burst), calls) <= ROUNDING
    assert len(calls) > per_s / 4  # And it is not kept by hardly calling at all.


@pytest.mark.slow  # Two worker processes come up, work for a second, and one of them is killed.
async def test_worker_processes_share_a_lanes_rate_and_one_is_killed(database: Database, tmp_path: Path) -> None:
    """Real workers keep a lane's rate together; when one is killed the other goes on within it, and nothing is lost."""
    rate = Rate(per_s=100.0, burst=10.0)
    await make_effects(database)
    async with ringing(database) as log, database.transaction() as tx:
        await log.emit_all(tx, [Rung(bell=f"bell {n}", number=n) for n in range(150)])
    files = [tmp_path / "one", tmp_path / "two"]
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.rated_worker_process",
            *(database.url, str(rate.per_s), str(rate.most), str(file)),
            stdin=asyncio.subprocess.PIPE,
        )
        for file in files
    ]
    try:
        await until(lambda: database.fetch_value("SELECT count(DISTINCT owner) = 2 FROM engine.cursors"))
        await until(lambda: database.fetch_value("SELECT count(*) > 50 FROM effects"))
        workers[0].kill()
        await until(lambda: database.fetch_value("SELECT count(*) = 150 FROM effects"))
    finally:
        await asyncio.gather(*(worker.communicate(b"") for worker in workers))
    calls = [float(line) for file in files for line in file.read_text().splitlines()]
    assert len(calls) >= 150  # What the killed worker had called and not concluded is called again.
    assert excess(rate, calls) <= ROUNDING
