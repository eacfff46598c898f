"""An uploaded list is worked off by the lane, by any number of workers, and its file is deleted afterwards."""

from pathlib import Path

from comanda.contexts.customers.importing.files import PIECE_BYTES
from comanda.contexts.customers.importing.writing import Counts
from comanda.contracts.customers import ImportDue
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventCatalogue
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Worker
from tests.fakes.lanes import until
from tests.integration.customers.importer import RESTAURANT, Importer, people

COUNT = 30_000


def worker(database: Database, importer: Importer) -> Worker:
    """Return a worker of the lane."""
    return Worker(
        database,
        EventCatalogue([ImportDue]),
        [importer.lane],
        clock=SystemClock(),
        ids=RandomIds(),
        look_s=0.1,
        poll_s=0.1,
    )


async def test_two_workers_import_an_upload_and_delete_it(database: Database, tmp_path: Path) -> None:
    """Each row is written once, over pieces and chunks, and nothing of the file is kept in the end."""
    importer = Importer(database, tmp_path)
    data = people(COUNT)
    assert len(data) > PIECE_BYTES
    row = await importer.upload(data)
    workers = [worker(database, importer) for _ in range(2)]
    for one in workers:
        await one.start()

    async def forgotten() -> bool:
        return not (await importer.imports.import_of(RESTAURANT, row.id)).file_key

    try:
        await until(forgotten)
    finally:
        for one in workers:
            await one.stop()
    done = await importer.imports.import_of(RESTAURANT, row.id)
    assert (done.state, done.counts) == ("finished", Counts(rows=COUNT, made=COUNT))
    assert await database.fetch_value("SELECT max(version) FROM customers.customers") == 1
    assert [info async for info in importer.files.list("imports/")] == []


async def test_an_upload_that_is_gone_ends_its_import_with_a_reason(database: Database, tmp_path: Path) -> None:
    """Nobody tries for ever."""
    importer = Importer(database, tmp_path)
    row = await importer.upload(people(10))
    await importer.imports.uploaded(row).delete()
    one = worker(database, importer)
    await one.start()

    async def failed() -> bool:
        return (await importer.imports.import_of(RESTAURANT, row.id)).state == "failed"

    try:
        await until(failed)
    finally:
        await one.stop()
    assert "upload it anew" in (await importer.imports.import_of(RESTAURANT, row.id)).problem
