"""Chunks of a file: so many rows as are written in one transaction, read and cleaned in a thread beside the loop."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from comanda.contexts.customers.importing.cleaning import Cleaned, Cleaner
from comanda.contexts.customers.importing.files import ImportFile
from comanda.contexts.customers.importing.layout import Layout
from comanda.contexts.customers.importing.reader import Place, Reader, Record

CHUNK_ROWS = 4_000
"""Rows of a chunk: about 0.15 s of writing, far below the second that a transaction may last."""

CHUNK_BYTES = 8 * 1024 * 1024
"""A chunk ends behind so many bytes also when there are fewer rows in them."""


class Chunk(NamedTuple):
    """Rows that are written together.

    Attributes:
        start: where they begin in the file; they are written only if the import stands there.
        end: where the next ones begin.
        ended: whether these were the last.
    """

    import_id: UUID
    start: Place
    end: Place
    ended: bool
    cleaned: Cleaned


class ChunkReader:
    """Reads a file chunk by chunk, from a place on."""

    def __init__(self, import_id: UUID, file: ImportFile, layout: Layout, place: Place, cleaner: Cleaner) -> None:
        self._import_id = import_id
        self._file = file
        self._cleaner = cleaner
        self._reader = Reader(layout.encoding, layout.delimiter, newline=layout.newline, place=place)
        self._fed = place.offset

    async def next(self) -> Chunk:
        """Return the next chunk. Raises `NoSuchFile` where the file is gone, `OSError` where a local one is."""
        reader = self._reader
        start = reader.place
        records: list[Record] = []
        while len(records) < CHUNK_ROWS and reader.place.offset - start.offset < CHUNK_BYTES and not reader.ended:
            taken = await asyncio.to_thread(reader.take, CHUNK_ROWS - len(records))
            records += taken
            if not taken and not reader.ended:
                await self._feed()
        cleaned = await asyncio.to_thread(self._cleaner.clean, records)
        return Chunk(self._import_id, start, reader.place, reader.ended, cleaned)

    async def _feed(self) -> None:
        piece = await self._file.read(self._fed)
        if piece:
            self._fed += len(piece)
            self._reader.feed(piece)
        else:
            self._reader.close()
