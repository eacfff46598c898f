"""Restaurants in memory: the port `contracts.catalog.RestaurantReader`.

A decoded copy is used for `FRESH_S` seconds; then one caller asks for the revision alone, while the others wait for
that one answer, and the copy is read anew only when the revision has moved. A caller that has seen a newer revision
(in its transaction) gets a copy that is at least as new.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

import msgspec

from comanda.contexts.catalog import store
from comanda.contracts.catalog import Restaurant, RestaurantName
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction

FRESH_S = 1.0
"""How long a copy is used without a look at its revision, in seconds."""

MAX_KEPT = 512
"""Restaurants kept in memory; beyond it the one that was used longest ago is dropped."""

MAX_SLUG = 63

LISTED = "SELECT slug, name FROM catalog.restaurants WHERE published_version IS NOT NULL ORDER BY name, slug LIMIT $1"


class _Kept:
    """A copy, when it was last known to be the newest, and the lock under which one caller renews it."""

    __slots__ = ("checked", "lock", "restaurant")

    def __init__(self) -> None:
        self.restaurant: Restaurant | None = None
        self.checked = float("-inf")
        self.lock = asyncio.Lock()


class Restaurants:
    """Finds restaurants that have a published menu.

    Args:
        database: where they are read.
        clock: tells when a copy is too old.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._slugs: OrderedDict[UUID, str] = OrderedDict()

    async def by_slug(self, slug: str, *, revision: int | None = None) -> Restaurant | None:
        """Return the restaurant, no older than `revision` where one is given; else it may be a second old."""
        kept = self._kept.get(slug)
        if kept is not None and self._usable(kept, revision):
            self._kept.move_to_end(slug)
            return kept.restaurant
        if not slug.isascii() or len(slug) > MAX_SLUG or "\x00" in slug:
            return None
        return await self._renewed(slug, revision)

    async def by_id(self, restaurant_id: UUID, *, revision: int | None = None) -> Restaurant | None:
        """Return the restaurant, as `by_slug` does."""
        slug = self._slugs.get(restaurant_id)
        if slug is None:
            restaurant = await store.load_by_id(self._database, restaurant_id)
            if restaurant is None:
                return None
            self._keep(restaurant)
            slug = restaurant.slug
        return await self.by_slug(slug, revision=revision)

    async def listed(self, most: int) -> list[RestaurantName]:
        """Return the names of `most` restaurants at most, by name."""
        rows = await self._database.fetch(LISTED, most)
        return [RestaurantName(slug=row["slug"], name=row["name"]) for row in rows]

    async def revisions(self, tx: Transaction, restaurant_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the revisions as this transaction sees them: a copy with an older one is stale."""
        return await store.revisions(tx, restaurant_ids)

    def forget(self, restaurant_id: UUID) -> None:
        """Look at the revision at the next call: something was changed in this process."""
        slug = self._slugs.get(restaurant_id)
        kept = self._kept.get(slug) if slug is not None else None
        if kept is not None:
            kept.checked = float("-inf")

    def _usable(self, kept: _Kept, revision: int | None) -> bool:
        if kept.restaurant is None or self._clock.monotonic() - kept.checked >= FRESH_S:
            return False
        return revision is None or kept.restaurant.revision >= revision

    async def _renewed(self, slug: str, revision: int | None) -> Restaurant | None:
        kept = self._kept.get(slug)
        if kept is None:
            kept = self._kept[slug] = _Kept()
            self._shrink()
        async with kept.lock:
            if self._usable(kept, revision):
                return kept.restaurant
            asked_at = self._clock.monotonic()
            old = kept.restaurant
            if old is None or await store.revision(self._database, old.id) != old.revision:
                fresh = await store.load_by_slug(self._database, slug)
                if fresh is not None and old is not None and fresh.menu.version == old.menu.version:
                    # The same published version is the same document: its index and its rendering stay valid.
                    fresh = msgspec.structs.replace(fresh, menu=old.menu)
                kept.restaurant = fresh
            kept.checked = asked_at
            if kept.restaurant is None:
                # Unknown slugs are asked for by anyone who can type; they take no room.
                self._kept.pop(slug, None)
            else:
                self._slugs[kept.restaurant.id] = slug
            return kept.restaurant

    def _keep(self, restaurant: Restaurant) -> None:
        kept = self._kept.setdefault(restaurant.slug, _Kept())
        kept.restaurant = restaurant
        kept.checked = self._clock.monotonic()
        self._slugs[restaurant.id] = restaurant.slug
        self._shrink()

    def _shrink(self) -> None:
        while len(self._kept) > MAX_KEPT:
            _, dropped = self._kept.popitem(last=False)
            if dropped.restaurant is not None:
                self._slugs.pop(dropped.restaurant.id, None)
