"""The SQL of restaurants, menu versions and what is sold out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from comanda.contexts.catalog.menus import MenuDraft
from comanda.contracts.catalog import Menu, Restaurant, Trading
from comanda.engine.database import Database, Record, Transaction

LOAD = """
SELECT r.id, r.slug, r.name, r.currency, r.timezone, r.country, r.locale, r.revision, r.trading::text,
       r.attributes::text, r.attributes_schema::text, r.published_version, m.document::text AS document,
       ARRAY(SELECT thing_id FROM catalog.sold_out WHERE restaurant_id = r.id) AS sold_out
FROM catalog.restaurants AS r
JOIN catalog.menu_versions AS m ON (m.restaurant_id, m.version) = (r.id, r.published_version)
"""

LOAD_BY_ID = f"{LOAD} WHERE r.id = $1"
LOAD_BY_SLUG = f"{LOAD} WHERE r.slug = $1"

REVISION_BY_ID = "SELECT revision FROM catalog.restaurants WHERE id = $1"

REVISIONS = "SELECT id, revision FROM catalog.restaurants WHERE id = ANY($1)"

INSERT_RESTAURANT = """
INSERT INTO catalog.restaurants (id, slug, name, currency, timezone, country, locale, trading, attributes,
                                 attributes_schema)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10::jsonb)
ON CONFLICT (slug) DO NOTHING
"""

LOCK_RESTAURANT = """
SELECT id, slug, name, currency, timezone, country, locale, trading::text, attributes::text,
       attributes_schema::text, published_version, revision
FROM catalog.restaurants WHERE id = $1 FOR NO KEY UPDATE
"""

CHANGE_RESTAURANT = """
UPDATE catalog.restaurants
SET name = $2, timezone = $3, country = $4, locale = $5, trading = $6::jsonb, attributes = $7::jsonb,
    attributes_schema = $8::jsonb, revision = revision + 1
WHERE id = $1 RETURNING revision
"""

BUMP = "UPDATE catalog.restaurants SET revision = revision + 1 WHERE id = $1"

DRAFT = """
SELECT version, edits, document::text, edited_at FROM catalog.menu_versions
WHERE restaurant_id = $1 AND state = 'draft'
"""

NEXT_VERSION = "SELECT coalesce(max(version), 0) + 1 FROM catalog.menu_versions WHERE restaurant_id = $1"

INSERT_DRAFT = """
INSERT INTO catalog.menu_versions (restaurant_id, version, document, edited_at) VALUES ($1, $2, $3::jsonb, $4)
"""

CHANGE_DRAFT = """
UPDATE catalog.menu_versions SET document = $3::jsonb, edits = edits + 1, edited_at = $4
WHERE restaurant_id = $1 AND version = $2 AND state = 'draft'
RETURNING edits
"""

DROP_DRAFT = "DELETE FROM catalog.menu_versions WHERE restaurant_id = $1 AND state = 'draft'"

STATE = "SELECT state FROM catalog.menu_versions WHERE restaurant_id = $1 AND version = $2"

PUBLISH = """
UPDATE catalog.menu_versions SET state = 'published', published_at = $3
WHERE restaurant_id = $1 AND version = $2 AND state = 'draft'
"""

SHOW_VERSION = "UPDATE catalog.restaurants SET published_version = $2, revision = revision + 1 WHERE id = $1"

VERSIONS = """
SELECT version, state, edited_at, published_at FROM catalog.menu_versions
WHERE restaurant_id = $1 ORDER BY version DESC LIMIT 100
"""

DOCUMENT = "SELECT document::text FROM catalog.menu_versions WHERE restaurant_id = $1 AND version = $2"

SELL_OUT = """
INSERT INTO catalog.sold_out (restaurant_id, thing_id, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""

BRING_BACK = "DELETE FROM catalog.sold_out WHERE restaurant_id = $1 AND thing_id = $2"

_trading = msgspec.json.Decoder(Trading)
_document = msgspec.json.Decoder(MenuDraft)
_attributes = msgspec.json.Decoder(dict[str, object])


def restaurant_of(row: Record) -> Restaurant:
    """Return the restaurant that a row of `LOAD` holds, its documents decoded."""
    document = _document.decode(row["document"])
    return Restaurant(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        currency=row["currency"],
        timezone=row["timezone"],
        country=row["country"],
        locale=row["locale"],
        revision=row["revision"],
        trading=_trading.decode(row["trading"]),
        menu=Menu(version=row["published_version"], currency=row["currency"], categories=document.categories),
        sold_out=frozenset(row["sold_out"]),
        attributes=_attributes.decode(row["attributes"]),
        attributes_schema=_attributes.decode(row["attributes_schema"]),
    )


async def load_by_slug(database: Database, slug: str) -> Restaurant | None:
    """Return the restaurant with its published menu, or None."""
    row = await database.fetch_row(LOAD_BY_SLUG, slug)
    return restaurant_of(row) if row is not None else None


async def load_by_id(database: Database, restaurant_id: UUID) -> Restaurant | None:
    """Return the restaurant with its published menu, or None."""
    row = await database.fetch_row(LOAD_BY_ID, restaurant_id)
    return restaurant_of(row) if row is not None else None


async def revision(database: Database, restaurant_id: UUID) -> int | None:
    """Return the restaurant's present revision, or None when there is no such restaurant."""
    found: int | None = await database.fetch_value(REVISION_BY_ID, restaurant_id)
    return found


async def revisions(tx: Transaction, restaurant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the revisions as the transaction sees them."""
    return {row["id"]: row["revision"] for row in await tx.fetch(REVISIONS, restaurant_ids)}


async def insert_restaurant(tx: Transaction, restaurant: Restaurant) -> bool:
    """Insert a restaurant, its menu left aside; return whether its slug was free."""
    inserted = await tx.execute(
        INSERT_RESTAURANT,
        restaurant.id,
        restaurant.slug,
        restaurant.name,
        restaurant.currency,
        restaurant.timezone,
        restaurant.country,
        restaurant.locale,
        msgspec.json.encode(restaurant.trading).decode(),
        msgspec.json.encode(restaurant.attributes).decode(),
        msgspec.json.encode(restaurant.attributes_schema).decode(),
    )
    return inserted == 1


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The draft of a restaurant's next menu version; `edits` rises with each change to it."""

    version: int
    edits: int
    edited_at: datetime
    menu: MenuDraft


async def draft(tx: Transaction, restaurant_id: UUID) -> Draft | None:
    """Return the restaurant's draft, or None."""
    row = await tx.fetch_row(DRAFT, restaurant_id)
    if row is None:
        return None
    menu = _document.decode(row["document"])
    return Draft(version=row["version"], edits=row["edits"], edited_at=row["edited_at"], menu=menu)


async def document(tx: Transaction, restaurant_id: UUID, version: int) -> MenuDraft | None:
    """Return the document of a version, or None."""
    text = await tx.fetch_value(DOCUMENT, restaurant_id, version)
    return _document.decode(text) if text is not None else None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a menu, without its document."""

    version: int
    state: Literal["draft", "published"]
    edited_at: datetime
    published_at: datetime | None


async def versions(tx: Transaction, restaurant_id: UUID) -> list[Version]:
    """Return the hundred newest versions, newest first."""
    return [Version(**dict(row)) for row in await tx.fetch(VERSIONS, restaurant_id)]
