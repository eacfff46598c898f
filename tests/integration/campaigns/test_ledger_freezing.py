"""Writing an audience into the ledger."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from comanda.contexts.campaigns import freeze_store
from comanda.contracts.campaigns import ChunkDue, FreezeDue, WinnerDue
from comanda.engine.database import Database
from tests.fakes.campaign_sending import (
    CATALOGUE,
    Desk,
    FakeOffice,
    World,
    campaign,
    move,
    people,
    state_of,
)

RECIPIENTS = """
SELECT d.recipient, d.variant, p.zone, p.domain, p.id FROM campaigns.deliveries d
JOIN campaigns.people p ON p.id = d.customer_id WHERE d.campaign = $1 ORDER BY d.recipient
"""


def desk_of(database: Database, page: int) -> Desk:
    """Return a desk that freezes pages of this size."""
    return Desk(database, FakeOffice(World(), "m", "j1"), page=page)


async def freeze(desk: Desk, number: int, *, epoch: int = 1, pages: int = 100) -> None:
    """Handle as many freezing events as it takes."""
    for page in range(pages):
        event = FreezeDue(campaign=number, epoch=epoch, page=page)
        await desk.database.run(partial(desk.freezing.freeze, event=event))
        if await state_of(desk.database, number) != "freezing":
            return


async def emitted(database: Database, table: str) -> list[Any]:
    """Return the events in the log, or among the timers."""
    rows = await database.fetch(f"SELECT name, version, payload FROM engine.{table} ORDER BY id")
    return [CATALOGUE.decode(row["name"], row["version"], row["payload"]) for row in rows]


async def test_recipients_are_numbered_in_the_order_of_zone_and_domain(database: Database) -> None:
    """Over the edges of pages there is neither a gap nor a domain in two places; those without consent are left out."""
    await people(database, [f"g{n}@shop{n % 5}.example" for n in range(47)], zone="Europe/Berlin")
    await people(database, [f"t{n}@shop{n % 5}.example" for n in range(30)], zone="Asia/Tokyo")
    await database.fetch("UPDATE campaigns.people SET consent_at = NULL WHERE email = 'g7@shop2.example'")
    desk = desk_of(database, 10)
    number = await campaign(database)
    await freeze(desk, number)
    rows = await database.fetch(RECIPIENTS, number)
    assert [row["recipient"] for row in rows] == list(range(1, 77))
    assert [(row["zone"], row["domain"], row["id"]) for row in rows] == sorted(
        (row["zone"], row["domain"], row["id"]) for row in rows
    )
    streams = await database.fetch("SELECT zone, first, last, next, open FROM campaigns.streams ORDER BY first")
    assert [list(row.values()) for row in streams] == [["Asia/Tokyo", 1, 30, 1, 30], ["Europe/Berlin", 31, 76, 31, 46]]
    assert {e.stream for e in await emitted(database, "events") if isinstance(e, ChunkDue)} == {0, 1}


async def test_somebody_who_moves_meanwhile_is_in_the_ledger_once(database: Database) -> None:
    """Who was frozen and moves to a page that is to come is not written again, and leaves no gap."""
    await people(database, [f"g{n:02}@a.example" for n in range(20)] + [f"g{n:02}@z.example" for n in range(20)])
    desk = desk_of(database, 20)
    number = await campaign(database)
    await freeze(desk, number, pages=1)
    await database.fetch("UPDATE campaigns.people SET domain = 'y.example' WHERE email = 'g03@a.example'")
    await freeze(desk, number)
    numbers = "SELECT recipient FROM campaigns.deliveries ORDER BY recipient"
    assert [row["recipient"] for row in await database.fetch(numbers)] == list(range(1, 41))


async def test_a_test_goes_first_with_even_variants_and_its_winner_is_due(database: Database) -> None:
    """Wave 0 is about its share, the variants are even, the others wait."""
    await people(database, [f"g{n}@shop.example" for n in range(1_000)])
    desk = desk_of(database, 300)
    split = json.dumps({"share": 300, "by": "opens", "after_s": 3600})
    number = await campaign(database, document='{"subjects": ["A", "B"]}', split=split)
    await freeze(desk, number)
    waves = await database.fetch(
        "SELECT wave, sum(last - first + 1) AS n, min(first) AS f FROM campaigns.streams GROUP BY 1"
    )
    sizes = {row["wave"]: row["n"] for row in waves}
    assert 230 < sizes[0] < 370
    assert sizes[0] + sizes[1] == 1_000
    variants = [row["variant"] for row in await database.fetch(RECIPIENTS, number)]
    assert abs(variants[: sizes[0]].count(0) - variants[: sizes[0]].count(1)) <= 1
    assert len([e for e in await emitted(database, "events") if isinstance(e, ChunkDue)]) == 1
    assert [type(e) for e in await emitted(database, "timers")] == [WinnerDue]
    await database.fetch("UPDATE campaigns.campaigns SET winner = 1")
    await database.run(lambda tx: desk.waves.start_wave(tx, number, 1))
    due = [e for e in await emitted(database, "events") if isinstance(e, ChunkDue)][-1]
    work = await database.run(lambda tx: desk.sending.claim(tx, due))
    assert work is not None
    assert {one.variant for one in work.recipients} == {1}


async def test_zones_go_at_their_own_hour(database: Database) -> None:
    """A campaign by zone has each zone's streams due when its clocks show the time."""
    await people(database, ["a@shop.example"], zone="America/New_York")
    await people(database, ["b@shop.example"], zone="Asia/Tokyo")
    desk = desk_of(database, 10)
    number = await campaign(database)
    noon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)  # noqa: TID251 - two days ahead of the server
    await database.fetch("UPDATE campaigns.campaigns SET by_zone = true, sends_at = $1", noon)
    await freeze(desk, number)
    due = [row["due_at"] for row in await database.fetch("SELECT due_at FROM engine.timers ORDER BY due_at")]
    assert len(due) == 2
    assert timedelta(hours=13) <= due[1] - due[0] <= timedelta(hours=14)


async def test_a_pause_in_the_middle_goes_on_where_it_was(database: Database) -> None:
    """Stale events write nothing; those of the new epoch go on."""
    await people(database, [f"g{n}@shop.example" for n in range(40)])
    desk = desk_of(database, 10)
    number = await campaign(database)
    await freeze(desk, number, pages=2)
    await database.run(lambda tx: move(tx, number, "paused"))
    await freeze(desk, number, pages=1)
    assert await database.fetch_value("SELECT count(*) FROM campaigns.deliveries") == 20
    epoch = await database.run(lambda tx: move(tx, number, "freezing"))
    await freeze(desk, number, epoch=epoch)
    assert await database.fetch_value("SELECT count(*) FROM campaigns.deliveries") == 40
    assert await state_of(database, number) == "sending"


async def test_an_audience_of_nobody_is_finished_at_once(database: Database) -> None:
    """There is no stream, and no event to wait for."""
    number = await campaign(database)
    await freeze(desk_of(database, 10), number)
    assert await state_of(database, number) == "finished"


async def test_a_partition_is_made_once_and_leaves_room_in_its_pages(database: Database) -> None:
    """The next campaign of the hundred finds it; it is filled to half, for changes within the page."""
    assert await database.run(lambda tx: freeze_store.ensure_partition(tx, 412))
    assert not await database.run(lambda tx: freeze_store.ensure_partition(tx, 499))
    options = "SELECT reloptions FROM pg_class WHERE oid = 'campaigns.deliveries_4'::regclass"
    assert await database.fetch_value(options) == ["fillfactor=50"]
