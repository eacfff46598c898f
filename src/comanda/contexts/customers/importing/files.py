"""Where the bytes of an import come from: an uploaded file, kept in pieces, or a file of this machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol
from uuid import UUID

from comanda.engine.errors import Refused
from comanda.engine.files import FileStore

PIECE_BYTES = 1024 * 1024
"""Of an uploaded file: whoever goes on in its middle fetches the piece that holds the place, not all before it."""

MOST_BYTES = 2 * 1024**3
"""Of an uploaded file: about thirty million rows."""

SAMPLE_BYTES = 256 * 1024
"""Of a file's beginning, by which its layout is judged."""

ELSEWHERE_BYTES = 64 * 1024
"""Of two more places in it."""


class ImportFile(Protocol):
    """A file that can be read from anywhere."""

    async def read(self, offset: int) -> bytes:
        """Return some bytes from `offset` on, `PIECE_BYTES` at most; none at the end."""
        ...


class LocalFile:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, offset: int) -> bytes:
        """Return some bytes; see `ImportFile.read`."""
        return await asyncio.to_thread(self._read, offset)

    def _read(self, offset: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(PIECE_BYTES)


class UploadedFile:
    """A file that was uploaded, in pieces of `PIECE_BYTES` under names of their own. Raises `NoSuchFile`.

    Args:
        files: where the pieces are.
        key: the beginning of their names.
        size: of the whole file.
    """

    def __init__(self, files: FileStore, key: str, size: int) -> None:
        self._files = files
        self._key = key
        self._size = size

    async def read(self, offset: int) -> bytes:
        """Return some bytes; see `ImportFile.read`."""
        if offset >= self._size:
            return b""
        piece = await self._files.get(piece_name(self._key, offset // PIECE_BYTES))
        return piece[offset % PIECE_BYTES :]

    async def delete(self) -> None:
        """Remove the pieces; doing it twice is no error."""
        for number in range(-(-self._size // PIECE_BYTES)):
            await self._files.delete(piece_name(self._key, number))


def upload_key(import_id: UUID) -> str:
    """Return the beginning of the names of an upload's pieces."""
    return f"imports/{import_id}"


def piece_name(key: str, number: int) -> str:
    """Return the name of a piece."""
    return f"{key}/{number:06}"


async def keep(files: FileStore, key: str, stream: AsyncIterator[bytes]) -> int:
    """Store what arrives in pieces; return how many bytes there were.

    Memory holds one piece. Raises `Refused` (too large) for more than `MOST_BYTES`. A stream that breaks off leaves
    pieces that no import names; `UploadedFile.delete` removes them.
    """
    held = bytearray()
    size = number = 0
    async for part in stream:
        held += part
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(f"A file can have {MOST_BYTES // 1024**3} GB at most.", kind="too_large", code="import-large")
        while len(held) >= PIECE_BYTES:
            await files.put(piece_name(key, number), bytes(held[:PIECE_BYTES]))
            del held[:PIECE_BYTES]
            number += 1
    if held:
        await files.put(piece_name(key, number), bytes(held))
    return size


async def samples(file: ImportFile, size: int) -> tuple[bytes, bytes]:
    """Return a file's beginning, and whole lines from its middle and end."""
    beginning = (await file.read(0))[:SAMPLE_BYTES]
    elsewhere = b""
    for offset in (size // 2, size - ELSEWHERE_BYTES):
        if offset > len(beginning):
            part = (await file.read(offset))[:ELSEWHERE_BYTES]
            elsewhere += part.partition(b"\n")[2].rpartition(b"\n")[0] + b"\n"
    return beginning, elsewhere
