"""Imports on a database and a folder of a test's own, and lists to import."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.customers.importing.files import LocalFile, keep, samples, upload_key
from comanda.contexts.customers.importing.lane import import_lane
from comanda.contexts.customers.importing.layout import preview
from comanda.contexts.customers.importing.service import Imports, Needs
from comanda.contexts.customers.importing.store import ImportRow
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.files import LocalFileStore
from comanda.engine.idempotency import Seals
from comanda.engine.ids import RandomIds

RESTAURANT = UUID(int=7)
SECRET = b"a secret for the tests, of 32 bytes"


class Importer:
    """Everything that an import needs."""

    def __init__(self, database: Database, folder: Path) -> None:
        clock = SystemClock()
        self.database = database
        self.folder = folder
        self.files = LocalFileStore(folder / "files", clock=clock)
        self.imports = Imports(
            Needs(
                database=database,
                log=EventLog(Waker(database)),
                files=self.files,
                seals=Seals(SECRET),
                restaurants=Restaurants(database, clock),
                clock=clock,
                ids=RandomIds(),
            )
        )
        self.lane = import_lane(self.imports)

    async def begin(self, data: bytes, *, name: str = "list.csv", restaurant_id: UUID = RESTAURANT) -> ImportRow:
        """Begin an import of a local file with this content."""
        path = self.folder / name
        path.write_bytes(data)
        beginning, elsewhere = await samples(LocalFile(path), len(data))
        seen = preview(beginning, elsewhere=elsewhere)
        return await self.imports.begin(
            restaurant_id,
            name=name,
            file_key=f"local:{name}",
            size=len(data),
            seen=seen,
            state="running",
        )

    async def run(self, row: ImportRow, *, chunks: int = 1_000_000) -> ImportRow:
        """Write so many chunks of a local file, and return the import as it stands then."""
        reader = await self.imports.reader(row, LocalFile(self.folder / row.name))
        for _ in range(chunks):
            chunk = await reader.next()
            async with self.database.transaction() as tx:
                assert await self.imports.write(tx, chunk, chained=False)
            if chunk.ended:
                break
        return await self.imports.import_of(row.restaurant_id, row.id)

    async def take(self, data: bytes, **options: Any) -> ImportRow:
        """Import a whole list."""
        return await self.run(await self.begin(data, **options))

    async def upload(self, data: bytes) -> ImportRow:
        """Upload a list and let the lane have it."""
        import_id = RandomIds().new()
        key = upload_key(import_id)

        async def stream() -> AsyncIterator[bytes]:
            for at in range(0, len(data), 100_000):
                yield data[at : at + 100_000]

        size = await keep(self.files, key, stream())
        seen = preview(data[:100_000])
        row = await self.imports.begin(
            RESTAURANT,
            name="upload.csv",
            file_key=key,
            size=size,
            seen=seen,
            state="waiting",
            import_id=import_id,
        )
        await self.imports.start(RESTAURANT, row.id, seen.layout, seen.place)
        return row

    async def customers(self) -> dict[str, Any]:
        """Return all customers by their addresses."""
        rows = await self.database.fetch("SELECT * FROM customers.customers ORDER BY email")
        return {row["email"]: row for row in rows}


def people(number: int, line: Callable[[int], str] = lambda n: f"guest{n}@example.com,Guest {n},,yes") -> bytes:
    """Return a list of so many."""
    return b"email,name,phone,consent\n" + "".join(f"{line(n)}\n" for n in range(number)).encode()
