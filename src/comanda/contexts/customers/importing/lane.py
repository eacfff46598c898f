"""The lane of imports: read a chunk with no transaction open, write it, and let the next one be due.

Any worker takes the chain up where it stands. An event whose place the import has left is of a chunk that is written.
"""

from comanda.contexts.customers.importing import store
from comanda.contexts.customers.importing.chunks import Chunk
from comanda.contexts.customers.importing.service import Failed, Imports
from comanda.contexts.customers.importing.store import ImportRow
from comanda.contracts.customers import ImportDue
from comanda.engine.database import Transaction
from comanda.engine.files import NoSuchFile
from comanda.engine.lanes import OutsideConsumer

GONE = "The uploaded file is gone; please upload it anew."

CONCURRENCY = 4
"""Imports that one worker reads at the same time."""


def import_lane(imports: Imports) -> OutsideConsumer:
    """Return the consumer that works imports off."""

    async def claim(tx: Transaction, event: ImportDue) -> ImportRow | None:
        row = await store.seen_in(tx, event.import_id)
        if row is None or not row.file_key:
            return None
        if row.state == "running":
            return row if row.place.offset == event.offset else None
        return row if row.state in {"finished", "cancelled"} else None

    async def perform(row: ImportRow) -> Chunk | Failed | None:
        file = imports.uploaded(row)
        if row.state != "running":
            await file.delete()
            return None
        try:
            return await (await imports.reader(row, file)).next()
        except NoSuchFile:
            return Failed(GONE)

    async def conclude(tx: Transaction, row: ImportRow, outcome: Chunk | Failed | None) -> None:
        if outcome is None:
            await imports.forget_file(tx, row.id)
        elif isinstance(outcome, Failed):
            await imports.fail(tx, row.id, outcome.problem)
        else:
            await imports.write(tx, outcome, chained=True)

    return OutsideConsumer(
        name="customers.import",
        on=(ImportDue,),
        claim=claim,
        perform=perform,
        conclude=conclude,
        concurrency=CONCURRENCY,
    )
