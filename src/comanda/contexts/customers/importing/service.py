"""What can be asked of imports: begin one, write its next chunk, look at it, cancel it.

The cursor (byte and line) moves in the transaction that writes a chunk, and a chunk is written only if the import
stands where it was read from. So whoever is killed leaves a place at which anybody goes on, and of two who work at the
same import at once, one writes each chunk.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.customers.importing import store
from comanda.contexts.customers.importing.chunks import Chunk, ChunkReader
from comanda.contexts.customers.importing.cleaning import MOST_NAME, Cleaner, Surroundings
from comanda.contexts.customers.importing.files import ImportFile, UploadedFile
from comanda.contexts.customers.importing.layout import Layout, Preview
from comanda.contexts.customers.importing.reader import Place
from comanda.contexts.customers.importing.store import ImportRow
from comanda.contexts.customers.importing.words import tidy
from comanda.contexts.customers.importing.writing import Counts, writes
from comanda.contracts.attributes import part_of
from comanda.contracts.catalog import RestaurantReader
from comanda.contracts.customers import MOST_IN_ONE, CustomersChanged, ImportDue
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog
from comanda.engine.files import FileStore
from comanda.engine.idempotency import Seals
from comanda.engine.ids import Ids

MOST_PROBLEMS = 1_000
"""Problems that are kept of an import; all are counted."""

MOST_LISTED = 50

MOST_ROUNDS = 3
"""Tries in one transaction to write customers whom somebody else makes at the same instant."""


class Needs(NamedTuple):
    """What imports stand on."""

    database: Database
    log: EventLog
    files: FileStore
    seals: Seals
    restaurants: RestaurantReader
    clock: Clock
    ids: Ids


class Imports:
    """The imports of all restaurants."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def begin(
        self,
        restaurant_id: UUID,
        *,
        name: str,
        file_key: str,
        size: int,
        seen: Preview,
        state: str,
        import_id: UUID | None = None,
    ) -> ImportRow:
        """Write down an import, `waiting` for somebody to say that it is right, or `running` at once."""
        row = self.draft(
            restaurant_id, name=name, file_key=file_key, size=size, seen=seen, state=state, import_id=import_id
        )
        await self._needs.database.run(lambda tx: store.insert(tx, row))
        return row

    def draft(
        self,
        restaurant_id: UUID,
        *,
        name: str,
        file_key: str,
        size: int,
        seen: Preview,
        state: str,
        import_id: UUID | None = None,
    ) -> ImportRow:
        """Return an import that is not written down, for a look at what it would do."""
        now = self._needs.clock.now()
        return ImportRow(
            id=import_id or self._needs.ids.new(),
            restaurant_id=restaurant_id,
            name=tidy(name, MOST_NAME) or "list",
            file_key=file_key,
            size_bytes=size,
            layout=seen.layout,
            state=state,
            place=seen.place,
            counts=Counts(),
            problem="",
            created_at=now,
            updated_at=now,
            finished_at=None,
        )

    async def start(self, restaurant_id: UUID, import_id: UUID, layout: Layout, place: Place) -> None:
        """Let the lane take a waiting import up, with this layout, from this place on.

        Twice is once. Raises `Refused` (not found; conflict where it was cancelled).
        """

        async def work(tx: Transaction) -> None:
            row = await self._own(tx, restaurant_id, import_id)
            if row.state in {"running", "finished"}:
                return
            if row.state != "waiting":
                raise Refused(f"This import is {row.state}.", kind="conflict", code="import-over")
            changed = msgspec.structs.replace(
                row, state="running", layout=layout, place=place, updated_at=self._needs.clock.now()
            )
            await store.update(tx, changed)
            await self._needs.log.emit(tx, ImportDue(import_id=import_id, offset=place.offset))

        await self._needs.database.run(work)

    async def cancel(self, restaurant_id: UUID, import_id: UUID) -> None:
        """End an import where it stands; what was written stays. One that is over stays as it is."""

        async def work(tx: Transaction) -> None:
            row = await self._own(tx, restaurant_id, import_id)
            if row.state in {"waiting", "running"}:
                await self._end(tx, row, "cancelled", chained=True)

        await self._needs.database.run(work)

    async def import_of(self, restaurant_id: UUID, import_id: UUID) -> ImportRow:
        """Return an import; raises `Refused` (not found)."""
        row = await store.load(self._needs.database, import_id)
        return _found(row, restaurant_id)

    async def latest(self, restaurant_id: UUID) -> list[ImportRow]:
        """Return the restaurant's latest imports."""
        return await store.latest(self._needs.database, restaurant_id, MOST_LISTED)

    async def latest_of_file(self, restaurant_id: UUID, file_key: str) -> ImportRow | None:
        """Return the last import of that very file, or None."""
        return await store.latest_of_file(self._needs.database, restaurant_id, file_key)

    async def problems(self, import_id: UUID, most: int = MOST_PROBLEMS) -> list[Record]:
        """Return the first problems of an import."""
        return await store.problems(self._needs.database, import_id, most)

    def uploaded(self, row: ImportRow) -> UploadedFile:
        """Return the file of an import that was uploaded."""
        return UploadedFile(self._needs.files, row.file_key, row.size_bytes)

    async def reader(self, row: ImportRow, file: ImportFile) -> ChunkReader:
        """Return what reads the chunks of an import, from where it stands."""
        return ChunkReader(row.id, file, row.layout, row.place, await self.cleaner(row))

    async def cleaner(self, row: ImportRow) -> Cleaner:
        """Return what cleans the import's rows, by its restaurant's country, clock and schema."""
        restaurant = await self._needs.restaurants.by_id(row.restaurant_id)
        around = Surroundings(
            restaurant_id=row.restaurant_id,
            country=restaurant.country if restaurant else "",
            timezone=restaurant.timezone if restaurant else "UTC",
            schema=part_of(restaurant.attributes_schema, "customer") if restaurant else {},
            begun_at=row.created_at,
            source=row.name,
        )
        return Cleaner(row.layout, around, self._needs.seals)

    async def write(self, tx: Transaction, chunk: Chunk, *, chained: bool) -> bool:
        """Write a chunk and move the import's cursor behind it.

        Args:
            tx: the transaction of all this.
            chunk: what was read.
            chained: whether a lane is to go on with the next one.

        Returns False, and writes nothing, where the import does not stand where the chunk begins: another process has
        written it, or the import is over.
        """
        row = await store.lock(tx, chunk.import_id)
        if row is None or row.state != "running" or row.place != chunk.start:
            return False
        cleaned = chunk.cleaned
        counts = msgspec.structs.replace(row.counts)
        changed = await self._write_lines(tx, row, chunk, counts)
        kept = row.counts.refused + row.counts.noted
        await store.insert_problems(tx, row.id, cleaned.problems[: max(0, MOST_PROBLEMS - kept)])
        counts.rows += cleaned.rows
        counts.refused += cleaned.refused
        counts.noted += len(cleaned.problems) - cleaned.refused
        moved = msgspec.structs.replace(row, place=chunk.end, counts=counts, updated_at=self._needs.clock.now())
        await self._needs.log.emit_all(
            tx,
            [
                CustomersChanged(
                    change_id=self._needs.ids.new(),
                    restaurant_id=row.restaurant_id,
                    customer_ids=tuple(changed[at : at + MOST_IN_ONE]),
                )
                for at in range(0, len(changed), MOST_IN_ONE)
            ],
        )
        if chunk.ended:
            await self._end(tx, moved, "finished", chained=chained)
            return True
        await store.update(tx, moved)
        if chained:
            await self._needs.log.emit(tx, ImportDue(import_id=row.id, offset=chunk.end.offset))
        return True

    async def fail(self, tx: Transaction, import_id: UUID, problem: str) -> None:
        """End an import that cannot go on, with a sentence that says why."""
        row = await store.lock(tx, import_id)
        if row is not None and row.state == "running":
            await self._end(tx, msgspec.structs.replace(row, problem=problem), "failed", chained=False)

    async def forget_file(self, tx: Transaction, import_id: UUID) -> None:
        """Write down that an import's upload is deleted."""
        row = await store.lock(tx, import_id)
        if row is not None:
            await store.update(tx, msgspec.structs.replace(row, file_key=""))

    async def _write_lines(self, tx: Transaction, row: ImportRow, chunk: Chunk, counts: Counts) -> Sequence[UUID]:
        left = chunk.cleaned.lines
        changed: list[UUID] = []
        if left:
            await store.make_room(tx)
        for _ in range(MOST_ROUNDS):
            if not left:
                break
            known = await store.known(tx, row.restaurant_id, [line.email for line in left])
            made = writes(left, known)
            overtaken = await store.write(tx, row.restaurant_id, row.created_at, made)
            done = [one for one in made if not one.is_new or one.id not in overtaken]
            if any(one.change for one in made):
                await store.note_consents(tx, row.restaurant_id, f"import {row.id}", overtaken)
            changed += [one.id for one in done]
            for line in left:
                before = known.get(line.email)
                if before is None and line.id in overtaken:
                    continue
                counts.merged += line.merged
                if before is None:
                    counts.made += 1
                elif before.imported_at == row.created_at:
                    counts.merged += 1
                else:
                    counts.renewed += 1
            left = [line for line in left if line.email not in known and line.id in overtaken]
        if left:
            raise AssertionError("a customer is neither there nor can be made")
        return changed

    async def _end(self, tx: Transaction, row: ImportRow, state: str, *, chained: bool) -> None:
        now = self._needs.clock.now()
        await store.update(tx, msgspec.structs.replace(row, state=state, updated_at=now, finished_at=now))
        if chained and row.file_key:
            # Once more, for the upload's end: a list of people is kept no longer than it is needed.
            await self._needs.log.emit(tx, ImportDue(import_id=row.id, offset=row.place.offset))

    async def _own(self, tx: Transaction, restaurant_id: UUID, import_id: UUID) -> ImportRow:
        return _found(await store.lock(tx, import_id), restaurant_id)


class Failed(NamedTuple):
    """Why an import cannot go on."""

    problem: str


def _found(row: ImportRow | None, restaurant_id: UUID) -> ImportRow:
    if row is None or row.restaurant_id != restaurant_id:
        raise Refused("There is no such import.", kind="not_found", code="import-unknown")
    return row
