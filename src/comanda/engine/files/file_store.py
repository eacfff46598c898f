"""The port to object storage: whole files under names, as S3 has them."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from typing import NamedTuple, Protocol

CHUNK_OCTETS = 256 * 1024
"""Octets that `read` hands over at a time, at most."""


class FileInfo(NamedTuple):
    """What is known of a file without reading it.

    Attributes:
        size: octets.
        modified_at: when it was put, in UTC.
    """

    name: str
    size: int
    modified_at: datetime


class FileStore(Protocol):
    """Whole files under names. A service; every call raises `BadFileName` for a name that not every store can hold.

    All calls raise `Unavailable` when the store does not answer or is full.
    """

    async def start(self) -> None:
        """Become ready; raises `Unavailable` when the store cannot be used."""
        ...

    async def stop(self) -> None:
        """Close what is open."""
        ...

    async def put(self, name: str, content: bytes | AsyncIterable[bytes]) -> FileInfo:
        """Store a file, in place of one that may be there.

        Atomic and durable: readers see the old file or the new one, never a part; when this returns, the new one
        survives a crash. When the content's source raises, the old file stays.
        """
        ...

    async def get(self, name: str) -> bytes:
        """Return the whole content; raises `NoSuchFile`."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Return the content piece by piece, all of one version; raises `NoSuchFile` at the first piece."""
        ...

    async def stat(self, name: str) -> FileInfo | None:
        """Return what is known of a file, or None when there is none."""
        ...

    async def delete(self, name: str) -> None:
        """Remove a file; that there is none is no error."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[FileInfo]:
        """Return the files whose names begin with `prefix`, in the order of their names' UTF-8."""
        ...
