"""Real processes that send, killed while they do."""

import asyncio
import random  # noqa: TID251 - a test's chance is seeded
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from comanda.contexts.campaigns.statement import Statement, statement
from comanda.contracts.campaigns import FreezeDue
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.service import running
from tests.fakes.campaign_process import all_sent
from tests.fakes.campaign_sending import Desk, FakeOffice, World, campaign, move, people, state_of
from tests.fakes.lanes import until

GUESTS = 12_000
KILLS = 8


async def start(database: Database, folder: Path, journal: str) -> Process:
    """Start a process that sends."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.campaign_process", database.url, str(folder), journal
    )


@pytest.mark.slow  # Eight processes are killed, and each one's lease must end.
async def test_processes_killed_at_random_leave_nobody_out_and_mail_nobody_twice(
    database: Database, tmp_path: Path
) -> None:
    """Two processes, one after the other killed -9 and replaced, a pause in between: each is mailed once."""
    chance = random.Random(4)  # noqa: S311
    await people(database, [f"g{n}@shop{n % 40}.example" for n in range(GUESTS)])
    number = await campaign(database)
    waker = Waker(database)
    processes = [await start(database, tmp_path, f"j{n}") for n in range(2)]
    try:
        async with running([waker]):
            log = EventLog(waker)
            await database.run(lambda tx: log.emit(tx, FreezeDue(campaign=number, epoch=1, page=0)))

            async def under_way() -> bool:
                return bool(all_sent(tmp_path))

            await until(under_way)
            for kill in range(KILLS):
                seen = len(all_sent(tmp_path))
                wanted = seen + chance.randrange(100, 900)

                async def more(wanted: int = wanted) -> bool:
                    sent = len(all_sent(tmp_path))
                    return sent >= wanted or await state_of(database, number) == "finished"

                await until(more)
                victim = processes.pop(0)
                victim.kill()
                await victim.wait()
                processes.append(await start(database, tmp_path, f"k{kill}"))
                if kill == KILLS // 2 and await state_of(database, number) == "sending":
                    await pause_and_resume(database, number)

            async def finished() -> bool:
                return await state_of(database, number) == "finished"

            for _ in range(3):
                if not await finished():
                    await until_or_not(finished)
            assert await finished()
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    sent = all_sent(tmp_path)
    assert len(sent) == len(set(sent)) == GUESTS
    expected = Statement(recipients=GUESTS, never=0, once=GUESTS, uncertain=0, twice=0, perhaps_twice=0)
    assert await statement(database, number) == expected
    assert await database.fetch_value("SELECT count(*) FROM campaigns.claims") == 0


async def pause_and_resume(database: Database, number: int) -> None:
    """Pause a campaign, and let it go on."""
    desk = Desk(database, FakeOffice(World(), "elsewhere", "j"))
    await database.run(lambda tx: move(tx, number, "paused"))
    async with database.transaction() as tx:
        await move(tx, number, "sending")
        await desk.waves.resume(tx, number)


async def until_or_not(condition: object) -> None:
    """Wait for as long as tests wait, and no error if it was too short: a killed process's lease must end first."""
    try:
        await until(condition)  # type: ignore[arg-type]
    except TimeoutError:
        return
