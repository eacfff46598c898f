"""Events of other versions on their way through lanes."""

from typing import ClassVar

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import Event, EventCatalogue
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Retries, Worker, consumer
from comanda.engine.service import running
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects, until, working
from tests.fakes.moved import Moved

LOGGED = "INSERT INTO engine.events (shard, name, version, key, payload) VALUES (0, $1, $2, $3, $4::text::json)"


@pytest.fixture(autouse=True)
async def _effects(database: Database) -> None:
    await make_effects(database)


@consumer("test.ring", [Rung], retries=Retries(limit=2, first_s=0.01))
async def leave_effect(tx: Transaction, event: Rung) -> None:
    """Leave an effect."""
    await tx.execute(EFFECT, event.bell, event.number)


class NewerRung(Event, frozen=True, kw_only=True):
    """What `Rung` is in a newer program."""

    name: ClassVar[str] = Rung.name
    version: ClassVar[int] = 2
    key_field: ClassVar[str] = "bell"
    upcasters = (dict,)

    bell: str
    number: int


@consumer("test.ring", [NewerRung])
async def leave_more(tx: Transaction, event: NewerRung) -> None:
    """Leave an effect, as the newer program does."""
    await tx.execute(EFFECT, event.bell, event.number)


async def test_an_old_row_of_the_log_takes_effect_as_todays(database: Database) -> None:
    """What was logged in version 1 is handled by a program that is at version 3."""

    @consumer("test.move", [Moved])
    async def note(tx: Transaction, event: Moved) -> None:
        await tx.execute(EFFECT, event.thing, sum(event.place))

    tail = '"at":"2026-11-24T00:00:00Z","by":"00000000-0000-0000-0000-000000000007"}'
    await database.fetch(LOGGED, "test.Moved", 1, "box", '{"thing":"box","where":"1,2",' + tail)
    worker = Worker(database, EventCatalogue([Moved]), [note], clock=SystemClock(), ids=RandomIds(), look_s=0.1)
    async with running([worker]):
        await drained(database, note)
    assert await effects(database) == [("box", 3)]


async def test_an_unknown_version_waits_for_a_newer_worker(database: Database) -> None:
    """It is parked and tried again within a minute, however often; its neighbours go on, and its key waits behind it.

    Once a worker of the newer program is there, both go through.
    """
    await database.fetch(LOGGED, "test.Rung", 2, "x", '{"bell":"x","number":1}')
    await database.fetch(LOGGED, "test.Rung", 1, "x", '{"bell":"x","number":2}')
    await database.fetch(LOGGED, "test.Rung", 1, "a", '{"bell":"a","number":3}')
    tries = "UPDATE engine.parked SET next_at = now() WHERE version = 2"
    async with working(database, leave_effect):
        for _ in range(5):
            await until(lambda: database.fetch_value("SELECT next_at > now() FROM engine.parked WHERE version = 2"))
            await database.fetch(tries)
        await until(lambda: database.fetch_value("SELECT next_at > now() FROM engine.parked WHERE version = 2"))
        parked = await database.fetch("SELECT * FROM engine.parked WHERE version = 2")
        assert [(row["state"], row["attempts"]) for row in parked] == [("waiting", 0)]
        assert "does not know the event test.Rung version 2" in parked[0]["error"]
        assert await database.fetch_value("SELECT max(next_at) < now() + interval '61 s' FROM engine.parked")
        assert await effects(database) == [("a", 3)]
    await database.fetch(tries)
    newer = EventCatalogue([NewerRung])
    async with running([Worker(database, newer, [leave_more], clock=SystemClock(), ids=RandomIds(), look_s=0.1)]):
        await drained(database, leave_more)
    assert await effects(database) == [("a", 3), ("x", 1), ("x", 2)]
