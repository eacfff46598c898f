"""A restaurant with people to mail, and what the staff can do with campaigns."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.document import Document
from comanda.contexts.campaigns.drafting import Draft
from comanda.contexts.campaigns.previewing import Previews
from comanda.contexts.catalog.demo import demo_restaurant
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog, Waker
from comanda.mail import Courier, Journal, Mailer
from tests.fakes.audience_reader import PlainAudiences
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds

RESTAURANT = UUID(int=7)
OTHER = UUID(int=8)
PUBLIC_URL = "https://eat.example"

PERSON = """
INSERT INTO campaigns.people (id, restaurant_id, email, domain, name, phone, zone, orders, last_order_at, attributes)
VALUES ($1, $2, $3, split_part($3, '@', 2), $4, '', $5, $6, $7, $8::text::jsonb)
"""

DOCUMENT: dict[str, Any] = {
    "subjects": ["{{ first_name | Hello }}, summer is here"],
    "preheader": "From {{ restaurant }}",
    "blocks": [
        {"type": "heading", "text": "Dear {{ first_name | guest }}"},
        {"type": "text", "text": "Come by, we miss you. [Our menu](https://eat.example/r/demo)"},
        {"type": "button", "text": "Order", "link": "https://eat.example/r/demo?from=mail"},
    ],
    "address": "Calle Mayor 1, 28013 Madrid",
}


class Desk:
    """Campaigns around a database. `went_on` are the campaigns that a resumption handed to sending."""

    def __init__(self, database: Database, clock: FakeClock, ids: SeededIds) -> None:
        self.database = database
        self.clock = clock
        self.ids = ids
        self.log = EventLog(Waker(database))
        self.restaurants = Restaurants(database, clock)
        self.audiences = PlainAudiences(database)
        self.compiler = CampaignCompiler(
            database=database,
            restaurants=self.restaurants,
            public_url=PUBLIC_URL,
            sender="Comanda <news@eat.example>",
        )
        self.went_on: list[CampaignRow] = []
        self.campaigns = Campaigns(
            database=database,
            log=self.log,
            clock=clock,
            ids=ids,
            audiences=self.audiences,
            compiler=self.compiler,
            go_on=self._go_on,
        )

    async def _go_on(self, _: Transaction, row: CampaignRow) -> None:
        self.went_on.append(row)

    def courier(self, mailer: Mailer, folder: Path) -> Courier:
        """Return a courier with a journal in that folder."""
        return Courier(mailer, Journal(folder / "journal.sqlite", clock=self.clock, ids=self.ids))

    def previews(self, courier: Courier) -> Previews:
        """Return what shows campaigns."""
        return Previews(
            compiler=self.compiler, audiences=self.audiences, courier=courier, clock=self.clock, ids=self.ids
        )

    async def furnish(self) -> None:
        """Make the restaurant, and three people who may be mailed."""
        catalog = Catalog(self.log, self.clock, self.restaurants)
        await self.database.run(lambda tx: catalog.create(tx, demo_restaurant(RESTAURANT)))
        await self.person(1, "ada@example.com", "Ada Lovelace", orders=3, last=self.clock.now())
        await self.person(2, "bob@example.org", "", orders=0)
        await self.person(3, "zoe@example.net", "Zoë <b>", orders=1, attributes={"dish": "paella"})

    async def person(
        self,
        number: int,
        email: str,
        name: str,
        *,
        zone: str = "",
        orders: int = 0,
        last: datetime | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """Make somebody who may be mailed."""
        known = msgspec.json.encode(attributes or {}).decode()
        await self.database.fetch(PERSON, UUID(int=number), RESTAURANT, email, name, zone, orders, last, known)

    def draft(self, **changes: Any) -> Draft:
        """Return a draft that can be started, with these changes of its document."""
        document = msgspec.convert(DOCUMENT | changes, Document)
        return Draft(name="Summer", conditions={}, document=document)

    async def campaign(self, **changes: Any) -> CampaignRow:
        """Return a campaign that can be started."""
        return await self.campaigns.create(RESTAURANT, self.draft(**changes))

    async def events(self, name: str) -> list[dict[str, Any]]:
        """Return what was emitted under a name, in order."""
        rows = await self.database.fetch(
            "SELECT payload::text AS payload FROM engine.events WHERE name = $1 ORDER BY id", f"campaigns.{name}"
        )
        return [msgspec.json.decode(row["payload"]) for row in rows]

    async def timers(self) -> list[tuple[datetime, dict[str, Any]]]:
        """Return what is to be emitted later, and when, in the order in which it was asked for."""
        rows = await self.database.fetch("SELECT due_at, payload::text AS payload FROM engine.timers ORDER BY id")
        return [(row["due_at"], msgspec.json.decode(row["payload"])) for row in rows]
