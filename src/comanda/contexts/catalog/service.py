"""What staff can ask of the catalog, each in a transaction that the caller opened.

Everything here can be asked twice: the second time finds it done. Whoever changes what guests see raises the
restaurant's revision, under the lock of its row.
"""

import re
from functools import partial
from uuid import UUID

import msgspec

from comanda.contexts.catalog import store
from comanda.contexts.catalog.menus import ID, MenuDraft, menu_errors
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.store import Draft
from comanda.contexts.catalog.trading import known_zone, trading_errors
from comanda.contracts.attributes import attribute_errors, part_of, schema_errors
from comanda.contracts.catalog import MenuPublished, Restaurant, Trading
from comanda.engine.clock import Clock
from comanda.engine.database import Record, Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.events import EventLog

COUNTRY = re.compile("[A-Z]{2}")
LOCALE = re.compile("[a-z]{2,3}([_-][A-Za-z]{2,4})*")

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""The one character that JSON can write and PostgreSQL's jsonb cannot keep."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner can change of a restaurant. Slug and currency are for life."""

    name: str
    timezone: str
    country: str
    locale: str
    trading: Trading = msgspec.field(default_factory=Trading)
    attributes: dict[str, object] = {}
    attributes_schema: dict[str, object] = {}


class Catalog:
    """Menus, settings, and what is sold out.

    Args:
        log: where `MenuPublished` is written.
        clock: dates edits and publications.
        restaurants: the copies in memory, told of changes once they are committed.
    """

    def __init__(self, log: EventLog, clock: Clock, restaurants: Restaurants) -> None:
        self._log = log
        self._clock = clock
        self._restaurants = restaurants

    async def create(self, tx: Transaction, restaurant: Restaurant) -> None:
        """Make a restaurant and publish its menu; raises `Refused` when it is wrong or its slug is taken."""
        settings = Settings(
            name=restaurant.name,
            timezone=restaurant.timezone,
            country=restaurant.country,
            locale=restaurant.locale,
            trading=restaurant.trading,
            attributes=restaurant.attributes,
            attributes_schema=restaurant.attributes_schema,
        )
        _refuse(settings_errors(settings))
        if not await store.insert_restaurant(tx, restaurant):
            raise Refused(f"Another restaurant is called {restaurant.slug}.", kind="conflict", code="slug-taken")
        made = await self.save_draft(tx, restaurant.id, MenuDraft(categories=restaurant.menu.categories))
        await self.publish(tx, restaurant.id, made.version)

    async def draft(self, tx: Transaction, restaurant_id: UUID) -> Draft | None:
        """Return the draft of the next version, or None."""
        return await store.draft(tx, restaurant_id)

    async def save_draft(
        self, tx: Transaction, restaurant_id: UUID, menu: MenuDraft, *, edits: int | None = None
    ) -> Draft:
        """Keep `menu` as the draft of the next version, also when it cannot be published yet.

        Args:
            tx: the caller's transaction.
            restaurant_id: whose.
            menu: the whole menu.
            edits: of the draft that was edited (0 for none); None overwrites whatever is there.

        Raises `Refused` (conflict) when someone else has edited it meanwhile. The same menu again changes nothing.
        """
        await self._locked(tx, restaurant_id)
        before = await store.draft(tx, restaurant_id)
        if before is not None and before.menu == menu:
            return before
        found = before.edits if before is not None else 0
        if edits is not None and edits != found:
            raise Refused(
                "Someone else has changed this draft meanwhile. Load it again.",
                kind="conflict",
                code="draft-changed",
                members={"edits": found},
            )
        now = self._clock.now()
        document = _stored("categories", menu)
        if before is None:
            version: int = await tx.fetch_value(store.NEXT_VERSION, restaurant_id)
            await tx.execute(store.INSERT_DRAFT, restaurant_id, version, document, now)
            return Draft(version=version, edits=1, edited_at=now, menu=menu)
        changed: int = await tx.fetch_value(store.CHANGE_DRAFT, restaurant_id, before.version, document, now)
        return Draft(version=before.version, edits=changed, edited_at=now, menu=menu)

    async def drop_draft(self, tx: Transaction, restaurant_id: UUID) -> None:
        """Throw the draft away, where there is one."""
        await self._locked(tx, restaurant_id)
        await tx.execute(store.DROP_DRAFT, restaurant_id)

    async def publish(self, tx: Transaction, restaurant_id: UUID, version: int) -> None:
        """Show version `version` to guests, from the commit on and for ever as it is.

        A version that is published already stays as it is, so that a late second click never brings an old menu back.
        Raises `Refused`: not found, or invalid with what is wrong with the menu.
        """
        row = await self._locked(tx, restaurant_id)
        state = await tx.fetch_value(store.STATE, restaurant_id, version)
        if state == "published":
            return
        menu = await store.document(tx, restaurant_id, version) if state is not None else None
        if menu is None:
            raise Refused("There is no such version of the menu.", kind="not_found", code="menu-version-unknown")
        schemas = msgspec.json.decode(row["attributes_schema"], type=dict[str, object])
        _refuse(menu_errors(menu, part_of(schemas, "item")))
        await tx.execute(store.PUBLISH, restaurant_id, version, self._clock.now())
        await tx.execute(store.SHOW_VERSION, restaurant_id, version)
        await self._log.emit(tx, MenuPublished(restaurant_id=restaurant_id, menu_version=version))
        self._changed(tx, restaurant_id)

    async def sell_out(self, tx: Transaction, restaurant_id: UUID, thing_id: str) -> None:
        """Mark an item or option as not to be had. Raises `Refused` when the published menu has none of that id."""
        row = await self._locked(tx, restaurant_id)
        version = row["published_version"]
        menu = await store.document(tx, restaurant_id, version) if version is not None else None
        if menu is None or thing_id not in things(menu):
            raise Refused("The menu has nothing of this id.", kind="not_found", code="thing-unknown")
        if await tx.execute(store.SELL_OUT, restaurant_id, thing_id, self._clock.now()):
            await self._bump(tx, restaurant_id)

    async def bring_back(self, tx: Transaction, restaurant_id: UUID, thing_id: str) -> None:
        """Take the mark away; fine when there is none."""
        await self._locked(tx, restaurant_id)
        if ID.fullmatch(thing_id) and await tx.execute(store.BRING_BACK, restaurant_id, thing_id):
            await self._bump(tx, restaurant_id)

    async def versions(self, tx: Transaction, restaurant_id: UUID) -> list[store.Version]:
        """Return the newest versions of the menu, newest first; the draft is among them."""
        return await store.versions(tx, restaurant_id)

    async def settings(self, tx: Transaction, restaurant_id: UUID) -> Settings:
        """Return the restaurant's settings."""
        return _settings_of(await self._locked(tx, restaurant_id))

    async def change_settings(self, tx: Transaction, restaurant_id: UUID, settings: Settings) -> None:
        """Replace the settings; the same again changes nothing. Raises `Refused` with what is wrong, field by field."""
        _refuse(settings_errors(settings))
        row = await self._locked(tx, restaurant_id)
        if _settings_of(row) == settings:
            return
        await tx.execute(
            store.CHANGE_RESTAURANT,
            restaurant_id,
            settings.name,
            settings.timezone,
            settings.country,
            settings.locale,
            _stored("trading", settings.trading),
            _stored("attributes", settings.attributes),
            _stored("attributes_schema", settings.attributes_schema),
        )
        self._changed(tx, restaurant_id)

    async def _locked(self, tx: Transaction, restaurant_id: UUID) -> Record:
        row = await tx.fetch_row(store.LOCK_RESTAURANT, restaurant_id)
        if row is None:
            raise Refused("There is no such restaurant.", kind="not_found", code="restaurant-unknown")
        return row

    async def _bump(self, tx: Transaction, restaurant_id: UUID) -> None:
        await tx.execute(store.BUMP, restaurant_id)
        self._changed(tx, restaurant_id)

    def _changed(self, tx: Transaction, restaurant_id: UUID) -> None:
        tx.after_commit(partial(self._restaurants.forget, restaurant_id))


def things(menu: MenuDraft) -> set[str]:
    """Return the ids of all items and options of a menu."""
    items = [item for category in menu.categories for item in category.items]
    options = {option.id for item in items for group in item.option_groups for option in group.options}
    return options | {item.id for item in items}


def settings_errors(settings: Settings) -> list[FieldError]:
    """Return what is wrong with a restaurant's settings."""
    errors = trading_errors(settings.trading)
    errors += schema_errors(settings.attributes_schema, "attributes_schema")
    if not any(error.path.startswith("attributes_schema") for error in errors):
        schema = part_of(settings.attributes_schema, "restaurant")
        errors += attribute_errors(settings.attributes, schema, "attributes")
    if not known_zone(settings.timezone):
        errors.append(FieldError("timezone", "Name a time zone such as Europe/Berlin."))
    if not COUNTRY.fullmatch(settings.country):
        errors.append(FieldError("country", "Name the country by its two capital letters, such as DE."))
    if not 0 < len(settings.name.strip()) <= len(settings.name) <= 200 or not settings.name.isprintable():  # noqa: PLR2004 - as in the database
        errors.append(FieldError("name", "A name has between 1 and 200 visible characters."))
    if not LOCALE.fullmatch(settings.locale):
        errors.append(FieldError("locale", "Name the language, such as en or de_DE."))
    return errors


def _settings_of(row: Record) -> Settings:
    return Settings(
        name=row["name"],
        timezone=row["timezone"],
        country=row["country"],
        locale=row["locale"],
        trading=msgspec.json.decode(row["trading"], type=Trading),
        attributes=msgspec.json.decode(row["attributes"]),
        attributes_schema=msgspec.json.decode(row["attributes_schema"]),
    )


def _stored(path: str, value: object) -> str:
    """Return a document as it is stored; raises `Refused` when it holds what cannot be."""
    text = msgspec.json.encode(value).decode()
    if NUL.search(text):
        raise Refused(
            "There is a NUL character in a text.",
            kind="invalid",
            code="invalid",
            fields=[FieldError(path, "There is a NUL character in a text.")],
        )
    return text


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Refused(errors[0].message, kind="invalid", code="invalid", fields=errors)
