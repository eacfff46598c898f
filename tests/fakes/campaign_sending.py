"""All that sends a campaign, over a post office of the test's own, and people to send to."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from comanda.contexts.campaigns.freezing import Freezing, Select, everybody
from comanda.contexts.campaigns.hands import Hands
from comanda.contexts.campaigns.pacing import Pacing
from comanda.contexts.campaigns.rates import limits_of
from comanda.contexts.campaigns.recipient import Recipient
from comanda.contexts.campaigns.sending import Sending
from comanda.contexts.campaigns.sending_consumers import consumers
from comanda.contexts.campaigns.settlement import Settling, Trying
from comanda.contexts.campaigns.settler import Settler
from comanda.contexts.campaigns.waves import Waves
from comanda.contracts.campaigns import EVENTS
from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.ids import Ids, RandomIds
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Absent, Key, Posting

RESTAURANT = UUID("0197a000-0000-7000-8000-000000000001")
CATALOGUE = EventCatalogue(EVENTS)
ACCEPTED = Outcome("accepted", "250 ok", 250)

Answer = Callable[[Posting], Outcome]


class World:
    """What outlives processes: what mail servers have taken, and the machines' disks.

    Attributes:
        taken: accepted mails, in their order.
        journals: by machine and journal, what is known of each mail.
        living: the journals whose process lives.
        answer: what the mail server says.
    """

    def __init__(self) -> None:
        self.taken: list[Key] = []
        self.journals: dict[tuple[str, str], dict[Key, Outcome]] = defaultdict(dict)
        self.living: set[tuple[str, str]] = set()
        self.answer: Answer = lambda _: ACCEPTED

    def twice(self) -> list[Key]:
        """Return who was mailed more than once."""
        return [key for key, times in Counter(self.taken).items() if times > 1]


class FakeOffice:
    """A process's post office: the server takes a mail and the journal knows it in one step, as if without a gap.

    Attributes:
        die_at: before which mail of all the process dies (`Died`), counted from 0; None is never.
    """

    def __init__(self, world: World, machine: str, journal: str) -> None:
        self.machine = machine
        self.journal_id = journal
        self.die_at: int | None = None
        self._world = world
        self.sent = 0
        world.living.add((machine, journal))

    async def post(self, mails: Iterable[Posting]) -> dict[Key, Outcome]:
        """Send."""
        outcomes: dict[Key, Outcome] = {}
        for posting in mails:
            if self.die_at is not None and self.sent >= self.die_at:
                self._world.living.discard((self.machine, self.journal_id))
                raise Died
            self.sent += 1
            posting.build()
            outcome = self._world.answer(posting)
            key = (posting.campaign, posting.recipient)
            if outcome.kind == "accepted":
                self._world.taken.append(key)
            if outcome.kind != "unsent":
                self._world.journals[self.machine, self.journal_id][key] = outcome
            outcomes[key] = outcome
            if len(outcomes) % 50 == 0:
                await asyncio.sleep(0)
        return outcomes

    async def fates(self, journal_id: str, keys: Iterable[Key]) -> Mapping[Key, Outcome] | Absent:
        """Read a journal of this machine."""
        if (self.machine, journal_id) in self._world.living:
            return Absent.OWNER_LIVES
        known = self._world.journals[self.machine, journal_id]
        return {key: known[key] for key in keys if key in known}

    async def forget(self, journal_id: str) -> None:
        """Remove a journal."""
        self._world.journals.pop((self.machine, journal_id), None)

    def settled(self, keys: Iterable[Key]) -> None:
        """Keep all: nothing of a test's journal has to go."""


class Died(BaseException):
    """The process is no more."""


class PlainMail:
    """A composed campaign that says nothing but who it is for."""

    sender_key = "news@example.com"

    def envelope_sender(self, to: Recipient) -> str:
        """Return the way back."""
        return f"bounce+{to.campaign}.{to.number}@example.com"

    def build(self, to: Recipient) -> bytes:
        """Return the mail."""
        return f"Message-ID: <c{to.campaign}.{to.number}@example.com>\r\n\r\nDear {to.email}\r\n".encode()


class PlainComposer:
    """Composes plain mails."""

    async def composed(self, _campaign: int) -> PlainMail:
        """Return it."""
        return PlainMail()


async def utc(_restaurant_id: UUID) -> str:
    """Return where the test's restaurant is."""
    return "Etc/UTC"


class Desk:
    """One process that sends campaigns, all parts of it."""

    def __init__(
        self,
        database: Database,
        office: Any,
        *,
        rates: str = "",
        clock: Clock | None = None,
        ids: Ids | None = None,
        trying: Trying | None = None,
        chunk: int = 500,
        page: int = 20_000,
        lost_after_s: float = 900.0,
        select: Select = everybody,
    ) -> None:
        clock, ids = clock or SystemClock(), ids or RandomIds()
        self.database = database
        self.office = office
        self.waker = Waker(database)
        log = EventLog(self.waker)
        self.log = log
        limits = limits_of(rates)
        self.hands = Hands(clock)
        self.pacing = Pacing(database, limits, clock)
        self.settling = Settling(log=log, clock=clock, ids=ids, trying=trying)
        self.settler = Settler(
            database=database,
            settling=self.settling,
            office=office,
            hands=self.hands,
            clock=clock,
            lost_after_s=lost_after_s,
            look_s=0.1,
        )
        self.waves = Waves(log=log, clock=clock, zones=utc)
        self.freezing = Freezing(log=log, clock=clock, waves=self.waves, limits=limits, select=select, page=page)
        self.sending = Sending(
            log=log,
            clock=clock,
            ids=ids,
            office=office,
            composer=PlainComposer(),
            pacing=self.pacing,
            settling=self.settling,
            hands=self.hands,
            zones=utc,
            alive=self.settler.alive,
            chunk=chunk,
        )
        self.consumers = consumers(self.freezing, self.sending)


PEOPLE = """
INSERT INTO campaigns.people (id, restaurant_id, email, domain, name, phone, zone, consent_at)
SELECT id, $1, email, split_part(email, '@', 2), 'Guest', '', $4, now()
FROM unnest($2::uuid[], $3::text[]) AS p (id, email)
"""


async def people(database: Database, emails: Sequence[str], *, zone: str = "") -> list[UUID]:
    """Add people who want mails; return their ids."""
    ids = [uuid5(RESTAURANT, email) for email in emails]
    await database.fetch(PEOPLE, RESTAURANT, ids, list(emails), zone)
    return ids


CAMPAIGN = """
INSERT INTO campaigns.campaigns
    (id, restaurant_id, name, state, epoch, policy, document, split, created_at, updated_at, started_at)
VALUES (gen_random_uuid(), $1, 'Spring', 'freezing', 1, $2, $3::text::jsonb, $4::text::jsonb, now(), now(), $5)
RETURNING number
"""


async def campaign(
    database: Database,
    *,
    policy: str = "at_most_once",
    document: str = '{"subjects": ["Hello"]}',
    split: str | None = None,
    at: datetime | None = None,
) -> int:
    """Add a campaign that is about to be frozen; return its number."""
    number: int = await database.fetch_value(CAMPAIGN, RESTAURANT, policy, document, split, at or SystemClock().now())
    return number


async def move(tx: Transaction, number: int, state: str) -> int:
    """Pause, resume or cancel, as campaigns do it; return the epoch after it."""
    return int(
        await tx.fetch_value(
            "UPDATE campaigns.campaigns SET state = $2, epoch = epoch + 1 WHERE number = $1 RETURNING epoch",
            number,
            state,
        )
    )


async def states(database: Database, number: int) -> dict[int, int]:
    """Return how many recipients are in each state."""
    rows = await database.fetch(
        "SELECT state, count(*) AS n FROM campaigns.deliveries WHERE campaign = $1 GROUP BY state", number
    )
    return {row["state"]: row["n"] for row in rows}


async def state_of(database: Database, number: int) -> str:
    """Return a campaign's state."""
    return str(await database.fetch_value("SELECT state FROM campaigns.campaigns WHERE number = $1", number))
