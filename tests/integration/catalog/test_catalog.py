"""Drafts, publishing, sold-out marks and the copies in memory."""

import asyncio
from uuid import UUID

import asyncpg
import msgspec
import pytest

from comanda.contexts.catalog.demo import demo_restaurant, seed_demo
from comanda.contexts.catalog.menus import MenuDraft
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contracts.catalog import Category, Item, Restaurant
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds

SOUP = MenuDraft(categories=(Category(id="all", name="All", items=(Item(id="soup", name="Soup", price=500),)),))
CAKE = MenuDraft(categories=(Category(id="all", name="All", items=(Item(id="cake", name="Cake", price=300),)),))
EMPTY = MenuDraft()

PUBLICATIONS = "SELECT count(*) FROM engine.events WHERE name = 'catalog.MenuPublished'"


@pytest.fixture
async def demo(database: Database, catalog: Catalog, ids: SeededIds) -> UUID:
    """The demo restaurant's id."""
    seeded = await database.run(lambda tx: seed_demo(tx, catalog, ids))
    assert seeded is not None
    return seeded


async def read(restaurants: Restaurants, *, revision: int | None = None) -> Restaurant:
    """Return the demo restaurant as guests see it."""
    found = await restaurants.by_slug("demo", revision=revision)
    assert found is not None
    return found


async def test_the_demo_restaurant_is_made_once_and_only_in_an_empty_house(
    database: Database, catalog: Catalog, restaurants: Restaurants, ids: SeededIds
) -> None:
    """Of four that seed at once one does, and guests read the very menu that was written."""
    seeded = await asyncio.gather(*(database.run(lambda tx: seed_demo(tx, catalog, ids)) for _ in range(4)))
    assert sum(id_ is not None for id_ in seeded) == 1
    found = await read(restaurants)
    expected = demo_restaurant(found.id)
    assert msgspec.structs.replace(found, revision=1) == expected
    assert await restaurants.by_id(found.id) == found


async def test_drafts_are_hidden_until_they_are_published(
    database: Database, catalog: Catalog, restaurants: Restaurants, demo: UUID
) -> None:
    """Guests see the old menu until the commit that publishes the new one, and then that."""
    before = await read(restaurants)
    draft = await database.run(lambda tx: catalog.save_draft(tx, demo, SOUP))
    assert draft.version == before.menu.version + 1
    assert (await read(restaurants)).menu == before.menu
    await database.run(lambda tx: catalog.publish(tx, demo, draft.version))
    after = await read(restaurants)
    assert after.menu.version == draft.version
    assert after.menu.categories == SOUP.categories
    assert after.revision > before.revision


async def test_publishing_twice_publishes_once_and_never_brings_an_old_menu_back(
    database: Database, catalog: Catalog, restaurants: Restaurants, demo: UUID
) -> None:
    """Ten clicks at once are one publication; a late click on an older version changes nothing."""
    events = await database.fetch_value(PUBLICATIONS)
    first = await database.run(lambda tx: catalog.save_draft(tx, demo, SOUP))

    async def publish_first() -> None:
        await database.run(lambda tx: catalog.publish(tx, demo, first.version))

    await asyncio.gather(*(publish_first() for _ in range(10)))
    assert await database.fetch_value(PUBLICATIONS) == events + 1
    second = await database.run(lambda tx: catalog.save_draft(tx, demo, CAKE))
    await database.run(lambda tx: catalog.publish(tx, demo, second.version))
    await publish_first()
    assert (await read(restaurants)).menu.version == second.version


async def test_a_published_version_cannot_be_changed_or_deleted_by_anyone(database: Database, demo: UUID) -> None:
    """The database itself refuses."""
    for statement in (
        "UPDATE catalog.menu_versions SET document = '{}' WHERE restaurant_id = $1",
        "UPDATE catalog.menu_versions SET state = 'draft', published_at = NULL WHERE restaurant_id = $1",
        "DELETE FROM catalog.menu_versions WHERE restaurant_id = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="never changes"):
            await database.fetch(statement, demo)


async def test_a_menu_with_faults_can_be_kept_as_a_draft_and_not_published(
    database: Database, catalog: Catalog, demo: UUID
) -> None:
    """Work in progress is kept; what cannot be sold is told when it is to be published."""
    draft = await database.run(lambda tx: catalog.save_draft(tx, demo, EMPTY))
    with pytest.raises(Refused) as refused:
        await database.run(lambda tx: catalog.publish(tx, demo, draft.version))
    assert refused.value.kind == "invalid"
    assert refused.value.fields[0].path == "categories"
    with pytest.raises(Refused, match="no such version"):
        await database.run(lambda tx: catalog.publish(tx, demo, 99))


async def test_two_editors_do_not_overwrite_each_other(database: Database, catalog: Catalog, demo: UUID) -> None:
    """Who saves over edits that they have not seen is told so; the same save again is fine."""
    draft = await database.run(lambda tx: catalog.save_draft(tx, demo, SOUP, edits=0))
    again = await database.run(lambda tx: catalog.save_draft(tx, demo, SOUP, edits=0))
    assert again == draft
    with pytest.raises(Refused) as refused:
        await database.run(lambda tx: catalog.save_draft(tx, demo, CAKE, edits=0))
    assert refused.value.kind == "conflict"
    saved = await database.run(lambda tx: catalog.save_draft(tx, demo, CAKE, edits=draft.edits))
    assert (saved.version, saved.edits) == (draft.version, 2)
    await database.run(lambda tx: catalog.drop_draft(tx, demo))
    async with database.transaction() as tx:
        assert await catalog.draft(tx, demo) is None


async def test_a_nul_character_is_refused_in_words(database: Database, catalog: Catalog, demo: UUID) -> None:
    """JSON can write it, PostgreSQL cannot keep it; a backslash and letters that look like it are fine."""
    with_nul = MenuDraft(categories=(Category(id="all", name="a\x00b"),))
    with pytest.raises(Refused, match="NUL"):
        await database.run(lambda tx: catalog.save_draft(tx, demo, with_nul))
    looks_like_it = MenuDraft(categories=(Category(id="all", name="a\\u0000b"),))
    await database.run(lambda tx: catalog.save_draft(tx, demo, looks_like_it))


async def test_sold_out_marks_come_and_go(
    database: Database, catalog: Catalog, restaurants: Restaurants, demo: UUID
) -> None:
    """Guests see the mark at once in this process; marking twice is marking once; unknown things are refused."""
    before = await read(restaurants)
    for _ in range(2):
        await database.run(lambda tx: catalog.sell_out(tx, demo, "croquetas"))
    marked = await read(restaurants)
    assert marked.sold_out == {"croquetas"}
    assert marked.revision == before.revision + 1
    assert marked.menu is before.menu
    for _ in range(2):
        await database.run(lambda tx: catalog.bring_back(tx, demo, "croquetas"))
    assert (await read(restaurants)).sold_out == frozenset()
    with pytest.raises(Refused):
        await database.run(lambda tx: catalog.sell_out(tx, demo, "nothing"))


async def test_another_process_sees_changes_within_a_second_or_at_once_if_it_knows(
    database: Database, catalog: Catalog, clock: FakeClock, demo: UUID
) -> None:
    """A copy is a second old at most; who has seen the newer revision gets a newer copy straight away."""
    elsewhere = Restaurants(database, clock)
    before = await read(elsewhere)
    await database.run(lambda tx: catalog.sell_out(tx, demo, "croquetas"))
    assert await read(elsewhere) == before
    async with database.transaction() as tx:
        revisions = await elsewhere.revisions(tx, [demo])
    assert (await read(elsewhere, revision=revisions[demo])).sold_out == {"croquetas"}
    await database.run(lambda tx: catalog.bring_back(tx, demo, "croquetas"))
    clock.advance(1.0)
    assert (await read(elsewhere)).sold_out == frozenset()


async def test_unknown_restaurants_are_none_and_take_no_room(restaurants: Restaurants, demo: UUID) -> None:
    """Whatever is asked for, the answer is None."""
    for slug in ("nobody", "", "x" * 1000, "d\x00emo", "dém\udc00", "DEMO"):
        assert await restaurants.by_slug(slug) is None
    assert await restaurants.by_id(UUID(int=demo.int + 1)) is None


async def test_settings_change_what_guests_see(
    database: Database, catalog: Catalog, restaurants: Restaurants, demo: UUID
) -> None:
    """New settings stand after the commit; wrong ones are refused and change nothing; slugs are taken once."""
    async with database.transaction() as tx:
        settings = await catalog.settings(tx, demo)
    wanted = msgspec.structs.replace(settings, name="Casa Nueva")
    await database.run(lambda tx: catalog.change_settings(tx, demo, wanted))
    changed = await read(restaurants)
    assert changed.name == "Casa Nueva"
    await database.run(lambda tx: catalog.change_settings(tx, demo, wanted))
    assert (await read(restaurants)).revision == changed.revision
    with pytest.raises(Refused):
        await database.run(
            lambda tx: catalog.change_settings(tx, demo, msgspec.structs.replace(wanted, timezone="Mars"))
        )
    with pytest.raises(Refused, match="Another restaurant"):
        await database.run(lambda tx: catalog.create(tx, demo_restaurant(UUID(int=1))))
