"""Days of the log as Parquet files in the files URL.

A day is read through a cursor and written in row groups, so that memory is bounded whatever its length, and no file
is needed on the way. What was stored is read back: its bytes are those that were written, and its own index counts as
many rows.
"""

import asyncio
import contextlib
import hashlib
import io
from collections.abc import AsyncGenerator

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq

from comanda.engine.errors import ComandaError
from comanda.engine.files.file_store import FileStore
from comanda.engine.retention.day import Day

GROUP = 10_000
"""Events in a row group, and in memory, at most."""

MOST_INDEX_OCTETS = 64 * 1024 * 1024
"""The end of a file that is kept when it is read back, to find its index in."""

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("position", pa.int64()),
        ("shard", pa.int16()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("version", pa.int16()),
        ("name", pa.string()),
        ("key", pa.string()),
        ("payload", pa.string()),
        ("trace", pa.string()),
    ]
)

EVENTS = """
SELECT id, position, shard, at, version, name, key, payload::text AS payload, trace FROM {partition}
ORDER BY shard, position, id
"""


class ArchiveUnreadable(ComandaError):
    """What was stored is not what was written. The day stays in the log."""


class ParquetArchive:
    """Keeps days as Parquet.

    Args:
        files: where.
        group: events in a row group.
    """

    def __init__(self, files: FileStore, *, group: int = GROUP) -> None:
        self._files = files
        self._group = group

    async def keep(self, connection: asyncpg.Connection, day: Day) -> tuple[str, int]:
        """Store a day, read it back, and return its file's name and its number of events.

        Raises `ArchiveUnreadable`, and `Unavailable` when the store does not answer.
        """
        name = f"events/{day.day:%Y}/{day.day.isoformat()}.parquet"
        writing = _Writing(connection, day, self._group)
        async with contextlib.aclosing(writing.pieces()) as pieces:
            await self._files.put(name, pieces)
        await self._check(name, writing)
        return name, writing.events

    async def _check(self, name: str, written: "_Writing") -> None:
        digest = hashlib.sha256()
        tail = bytearray()
        async for piece in self._files.read(name):
            digest.update(piece)
            tail += piece
            del tail[:-MOST_INDEX_OCTETS]
        if digest.digest() != written.digest.digest():
            raise ArchiveUnreadable(f"The archive {name} is not what was written to it.")
        rows = pq.read_metadata(io.BytesIO(bytes(tail))).num_rows
        if rows != written.events:
            raise ArchiveUnreadable(f"The archive {name} counts {rows} events, and {written.events} were written.")


class _Writing:
    """One day on its way into a file: what was written so far, as a count and a hash."""

    def __init__(self, connection: asyncpg.Connection, day: Day, group: int) -> None:
        self._connection = connection
        self._sql = EVENTS.format(partition=day.partition)
        self._group = group
        self.events = 0
        self.digest = hashlib.sha256()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the file, a row group at a time."""
        sink = _Sink()
        writer = pq.ParquetWriter(pa.PythonFile(sink, mode="w"), SCHEMA, compression="zstd")
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            cursor = await self._connection.cursor(self._sql)
            while rows := await cursor.fetch(self._group):
                await asyncio.to_thread(_write, writer, rows)
                self.events += len(rows)
                yield self._written(sink)
        await asyncio.to_thread(writer.close)
        yield self._written(sink)

    def _written(self, sink: "_Sink") -> bytes:
        piece = sink.take()
        self.digest.update(piece)
        return piece


class _Sink(io.RawIOBase):
    """Takes what the writer writes, until it is taken away."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = memoryview(data)  # type: ignore[arg-type]
        self._buffer += piece
        return piece.nbytes

    def tell(self) -> int:
        return self._taken + len(self._buffer)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        piece = bytes(self._buffer)
        self._taken += len(piece)
        self._buffer.clear()
        return piece


def _write(writer: pq.ParquetWriter, rows: list[asyncpg.Record]) -> None:
    columns = [[row[name] for row in rows] for name in SCHEMA.names]
    writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=len(rows))
