"""Sending, step by step at random: claims, deaths, settling, pauses, refusals. Real SQL, seeded chance."""

import random  # noqa: TID251 - a test's chance is seeded
from functools import partial
from typing import Any

import pytest

from comanda.contexts.campaigns.settlement import Trying
from comanda.contexts.campaigns.statement import statement
from comanda.contracts.campaigns import ChunkDue, FreezeDue
from comanda.engine.database import Database
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Posting
from tests.fakes.campaign_sending import (
    ACCEPTED,
    CATALOGUE,
    RESTAURANT,
    Desk,
    Died,
    FakeOffice,
    World,
    campaign,
    move,
    people,
    state_of,
)

GUESTS = 300

TAKE_EVENT = """
WITH taken AS (SELECT id FROM engine.events WHERE name = $1 AND id > $2 ORDER BY id LIMIT 1)
SELECT e.id, e.version, e.payload FROM engine.events e JOIN taken USING (id)
"""

TIMERS = "DELETE FROM engine.timers RETURNING id, name, version, payload"

OPEN = """
SELECT s.stream, s.open, (SELECT count(*) FROM campaigns.deliveries d WHERE d.campaign = s.campaign
    AND d.recipient BETWEEN s.first AND s.last AND d.state IN (0, 1)) AS really
FROM campaigns.streams s WHERE s.campaign = $1
"""


class Game:
    """Plays the lanes by hand, so that every order of steps can happen: an event may be handled late, or twice."""

    def __init__(self, database: Database, seed: int, policy: str) -> None:
        self.database = database
        self.random = random.Random(seed)  # noqa: S311
        self.policy = policy
        self.world = World()
        self.world.answer = self._answer
        self.calm = False
        self.number = 0
        self.processes = 0
        self.due: list[ChunkDue] = []
        self.seen = 0
        self.held: list[tuple[Desk, Any, Any]] = []
        self.doubts: set[int] = set()
        self.desks = [self._desk(), self._desk()]

    def _desk(self) -> Desk:
        self.processes += 1
        office = FakeOffice(self.world, "m", f"j{self.processes}")
        return Desk(
            self.database, office, chunk=20, page=100, trying=Trying(first_s=0.01, most_s=0.02, limit=50, soon_s=0.01)
        )

    def _answer(self, _posting: Posting) -> Outcome:
        chance = 1.0 if self.calm else self.random.random()
        if chance < 0.05:
            return Outcome("refused_for_now", "451 4.2.1 later", 451, "4.2.1")
        if chance < 0.08:
            return Outcome("refused_for_good", "550 5.1.1 nobody", 550, "5.1.1")
        if chance < 0.12:
            return Outcome("unsent", "cut off")
        return ACCEPTED

    async def begin(self) -> None:
        """Freeze a ledger."""
        await people(self.database, [f"g{n}@shop{n % 3}.example" for n in range(GUESTS)])
        self.number = await campaign(self.database, policy=self.policy)
        for page in range(20):
            event = FreezeDue(campaign=self.number, epoch=1, page=page)
            await self.database.run(partial(self.desks[0].freezing.freeze, event=event))
        for desk in self.desks:
            await desk.settler.look()

    async def gather(self) -> None:
        """Take the events that were emitted, those of timers too: all times have come."""
        rows = [*await self.database.fetch(TIMERS)]
        while (row := await self.database.fetch_row(TAKE_EVENT, ChunkDue.name, self.seen)) is not None:
            self.seen = row["id"]
            rows.append({**row, "name": ChunkDue.name})
        for row in rows:
            event = CATALOGUE.decode(row["name"], row["version"], row["payload"])
            assert isinstance(event, ChunkDue)
            self.due.append(event)

    async def chunk(self) -> None:
        """Handle an event; the process may die before, in or after its call, and the event comes again then."""
        await self.gather()
        if not self.due:
            return
        event = self.due.pop(self.random.randrange(len(self.due)))
        desk = self.random.choice(self.desks)
        work = await self.database.run(lambda tx: desk.sending.claim(tx, event))
        if work is None:
            return
        fate = "fine" if self.calm else self.random.choice(["fine", "fine", "fine", "late", "dies", "before", "after"])
        if fate == "before":
            await self.die(desk, event)
            return
        if fate == "dies":
            desk.office.die_at = desk.office.sent + self.random.randrange(20)
        try:
            paced = await desk.sending.perform(work)
        except Died:
            await self.die(desk, event)
            return
        if fate == "after":
            await self.die(desk, event)
        elif fate == "late":
            self.held.append((desk, work, paced))
        else:
            await self.database.run(lambda tx: desk.sending.conclude(tx, work, paced))

    async def conclude_late(self) -> None:
        """Conclude a chunk that took long."""
        if self.held:
            desk, work, paced = self.held.pop(self.random.randrange(len(self.held)))
            await self.database.run(lambda tx: desk.sending.conclude(tx, work, paced))

    async def die(self, desk: Desk, event: ChunkDue) -> None:
        """Let a process be gone: what it had to conclude comes again to others, another takes its place."""
        self.world.living.discard((desk.office.machine, desk.office.journal_id))
        self.due += [event, *(work.event for of, work, _ in self.held if of is desk)]
        self.held = [each for each in self.held if each[0] is not desk]
        self.desks.remove(desk)
        self.desks.append(self._desk())
        await self.desks[-1].settler.look()

    async def settle(self) -> None:
        """Let a settler look."""
        await self.random.choice(self.desks).settler.look()

    async def pause_and_resume(self) -> None:
        """Pause, let some things happen meanwhile, and resume."""
        if await state_of(self.database, self.number) != "sending":
            return
        await self.database.run(lambda tx: move(tx, self.number, "paused"))
        for _ in range(self.random.randrange(4)):
            await self.random.choice([self.chunk, self.settle, self.conclude_late])()
        desk = self.desks[0]

        async def resume(tx: Any) -> None:
            await move(tx, self.number, "sending")
            await desk.waves.resume(tx, self.number)

        await self.database.run(resume)

    async def suppress(self) -> None:
        """Suppress somebody."""
        await self.database.fetch(
            "INSERT INTO campaigns.suppressions (customer_id, restaurant_id, why, at) "
            "SELECT id, $1, 'by_hand', now() FROM campaigns.people OFFSET $2 LIMIT 1 ON CONFLICT DO NOTHING",
            RESTAURANT,
            self.random.randrange(GUESTS),
        )

    async def check(self) -> None:
        """Nobody twice, and each stream knows how many of it are open."""
        assert not self.world.twice()
        for row in await self.database.fetch(OPEN, self.number):
            assert row["open"] == row["really"], row

    async def play(self) -> None:
        """Play at random, and then calmly until the campaign is finished."""
        await self.begin()
        steps = [self.chunk] * 6 + [self.settle, self.conclude_late, self.pause_and_resume, self.suppress]
        for _ in range(90):
            await self.random.choice(steps)()
            await self.check()
        self.calm = True
        for _ in range(400):
            await self.conclude_late()
            await self.settle()
            await self.chunk()
            if await state_of(self.database, self.number) == "finished":
                break
        await self.check()


@pytest.mark.parametrize("policy", ["at_most_once", "at_least_once"])
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_dies_nobody_is_forgotten_and_nobody_mailed_twice(
    database: Database, seed: int, policy: str
) -> None:
    """Processes that die anywhere leave no recipient behind, none mailed twice, and none uncertain."""
    game = Game(database, seed, policy)
    await game.play()
    assert await state_of(database, game.number) == "finished"
    found = await statement(database, game.number)
    assert found.recipients == GUESTS
    assert (found.uncertain, found.twice, found.perhaps_twice) == (0, 0, 0)
    assert found.once == len(game.world.taken) == len(set(game.world.taken))
    closed = "SELECT count(*) FROM campaigns.deliveries WHERE accepted = 0 AND state IN (3, 5)"
    assert found.never == await database.fetch_value(closed)
    assert await database.fetch_value("SELECT count(*) FROM campaigns.claims") == 0


async def test_a_settler_that_does_not_ask_who_lives_mails_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The game sees it when claims of living processes are taken away from them: it can fail."""

    async def forgetful(_office: FakeOffice, _journal_id: str, _keys: object) -> dict[object, Outcome]:
        return {}

    monkeypatch.setattr(FakeOffice, "fates", forgetful)
    with pytest.raises(AssertionError):
        await Game(database, 1, "at_most_once").play()
