"""What can be asked of audiences: keep them, and see whom they hold."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from comanda.contexts.campaigns import audience_store as store
from comanda.contexts.campaigns.condition_rules import problems
from comanda.contexts.campaigns.condition_sql import compiled
from comanda.contexts.campaigns.condition_words import sentence
from comanda.contexts.campaigns.conditions import Conditions, parse, stored
from comanda.contracts.attributes import part_of
from comanda.contracts.catalog import RestaurantReader
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.ids import Ids
from comanda.web.formats import DEFAULT_LOCALE, DEFAULT_ZONE

MOST_AUDIENCES = 500
"""Audiences of one restaurant, at most."""

COUNT_S = 5
"""Seconds that counting and choosing a sample may take each; after that an audience is shown without."""

SAMPLE = 10

IN_USE = ("scheduled", "freezing")
"""Campaigns in these states still need their audience."""

CUSTOMER = "customer"
"""The part of a restaurant's `attributes_schema` that is about its customers."""


class AudienceForm(msgspec.Struct, frozen=True, kw_only=True):
    """An audience to be kept. Consent is not asked for: whoever has not opted in is never in an audience."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    conditions: Conditions = Conditions()


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """An audience that is kept; `sentence` follows on "Customers who", `campaigns` are those made for it."""

    id: UUID
    name: str
    conditions: Conditions
    sentence: str
    created_at: datetime
    updated_at: datetime
    campaigns: int = 0


class SamplePerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the audience holds; `spent` in minor units."""

    id: UUID
    name: str
    email: str
    orders: int
    spent: int
    last_order_at: datetime | None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whom conditions find at present.

    Attributes:
        reached: how many would be mailed; None where counting took too long.
        left_out: how many more the conditions hold of who may not be mailed: not opted in, unsubscribed, suppressed.
        sample: some of those who would be mailed.
        sentence: what was asked for, in words that follow on "Customers who".
    """

    reached: int | None
    left_out: int | None
    sample: tuple[SamplePerson, ...]
    sentence: str


class House(NamedTuple):
    """What a restaurant says about how its audiences are read."""

    currency: str = "EUR"
    locale: str = DEFAULT_LOCALE
    timezone: str = DEFAULT_ZONE
    schema: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Audiences:
    """The audiences of all restaurants.

    Args:
        database: where they are kept.
        restaurants: whose currency, zone and schema hold.
        clock: says what "in the last days" means.
        ids: where their ids come from.
    """

    def __init__(self, database: Database, restaurants: RestaurantReader, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._restaurants = restaurants
        self._clock = clock
        self._ids = ids

    async def house(self, restaurant_id: UUID) -> House:
        """Return what holds at the restaurant; plain defaults for one that has published nothing yet."""
        restaurant = await self._restaurants.by_id(restaurant_id)
        if restaurant is None:
            return House()
        schema = dict(part_of(restaurant.attributes_schema, CUSTOMER))
        return House(restaurant.currency, restaurant.locale, restaurant.timezone, schema)

    async def listed(self, restaurant_id: UUID) -> list[Audience]:
        """Return the restaurant's audiences by name."""
        house = await self.house(restaurant_id)
        rows = await store.listed(self._database, restaurant_id, MOST_AUDIENCES)
        return [_audience(row, house, campaigns=row["campaigns"]) for row in rows]

    async def one(self, restaurant_id: UUID, audience_id: UUID) -> Audience:
        """Return an audience; raises `Refused` (not found)."""
        row = await store.one(self._database, restaurant_id, audience_id)
        if row is None:
            raise _unknown()
        return _audience(row, await self.house(restaurant_id))

    async def create(self, restaurant_id: UUID, form: AudienceForm) -> Audience:
        """Keep a new audience; raises `Refused` for nonsense, a name that is taken, and one too many."""
        name = await self._checked(restaurant_id, form)
        audience_id = self._ids.new()

        async def created(tx: Transaction) -> None:
            if await store.count(tx, restaurant_id) >= MOST_AUDIENCES:
                message = f"There are {MOST_AUDIENCES} audiences already: delete one that is not needed any more."
                raise Refused(message, kind="conflict", code="too-many-audiences")
            conditions, now = stored(form.conditions), self._clock.now()
            if not await store.insert(tx, audience_id, restaurant_id, name=name, conditions=conditions, now=now):
                raise _taken()

        await self._database.run(created)
        return await self.one(restaurant_id, audience_id)

    async def change(self, restaurant_id: UUID, audience_id: UUID, form: AudienceForm) -> Audience:
        """Write an audience anew, name and all; campaigns that have not been started yet follow it."""
        name = await self._checked(restaurant_id, form)

        async def changed(tx: Transaction) -> None:
            if not await store.lock(tx, restaurant_id, audience_id):
                raise _unknown()
            conditions, now = stored(form.conditions), self._clock.now()
            if not await store.update(tx, audience_id, name=name, conditions=conditions, now=now):
                raise _taken()

        await self._database.run(changed)
        return await self.one(restaurant_id, audience_id)

    async def delete(self, restaurant_id: UUID, audience_id: UUID) -> None:
        """Delete an audience; raises `Refused` (conflict) while a scheduled campaign uses it."""

        async def deleted(tx: Transaction) -> None:
            if not await store.lock(tx, restaurant_id, audience_id):
                raise _unknown()
            user = await store.campaign_using(tx, audience_id, IN_USE)
            if user is not None:
                message = f"The campaign “{user}” is scheduled for this audience: choose another for it first."
                raise Refused(message, kind="conflict", code="audience-in-use")
            await store.delete(tx, audience_id)

        await self._database.run(deleted)

    async def reach(self, restaurant_id: UUID, conditions: Conditions) -> Reach:
        """Count whom conditions find, and choose a sample; raises `Refused` (invalid) for nonsense."""
        house = await self.house(restaurant_id)
        self._check(conditions, house)
        query = compiled(conditions, now=self._now(house), first_parameter=2)
        words = sentence(conditions, currency=house.currency, locale=house.locale)
        try:
            async with self._database.transaction() as tx:
                await tx.execute(f"SET LOCAL statement_timeout = '{COUNT_S}s'")
                reached, found = await store.reach(tx, restaurant_id, query)
                rows = await store.sample(tx, restaurant_id, query, SAMPLE)
        except asyncpg.QueryCanceledError:
            return Reach(reached=None, left_out=None, sample=(), sentence=words)
        sample = tuple(SamplePerson(**row) for row in rows)
        return Reach(reached=reached, left_out=found - reached, sample=sample, sentence=words)

    async def check(self, restaurant_id: UUID, conditions: Conditions) -> None:
        """Raise `Refused` (invalid) for nonsense."""
        self._check(conditions, await self.house(restaurant_id))

    async def now(self, restaurant_id: UUID) -> datetime:
        """Return the time, in the restaurant's zone: "in the last days" begins at its midnight."""
        return self._now(await self.house(restaurant_id))

    async def _checked(self, restaurant_id: UUID, form: AudienceForm) -> str:
        """Return the name as it is kept; raises `Refused` for what is wrong with it or with the conditions."""
        name = " ".join(form.name.split())
        if not name or not name.isprintable():
            message = "Give the audience a name."
            raise Refused(message, kind="invalid", code="invalid-audience", fields=[FieldError("name", message)])
        self._check(form.conditions, await self.house(restaurant_id))
        return name

    def _check(self, conditions: Conditions, house: House) -> None:
        found = problems(conditions, schema=house.schema, today=self._now(house).date())
        if found:
            fields = [FieldError(f"conditions.{problem.path}", problem.message) for problem in found]
            raise Refused(found[0].message, kind="invalid", code="invalid-audience", fields=fields)

    def _now(self, house: House) -> datetime:
        return self._clock.now().astimezone(ZoneInfo(house.timezone))


def _audience(row: Record, house: House, *, campaigns: int = 0) -> Audience:
    conditions = parse(msgspec.json.decode(row["conditions"]))
    return Audience(
        id=row["id"],
        name=row["name"],
        conditions=conditions,
        sentence=sentence(conditions, currency=house.currency, locale=house.locale),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        campaigns=campaigns,
    )


def _unknown() -> Refused:
    return Refused("There is no such audience.", kind="not_found", code="audience-unknown")


def _taken() -> Refused:
    message = "There is an audience of this name already."
    return Refused(message, kind="conflict", code="audience-name-taken", fields=[FieldError("name", message)])
