"""Files in a local folder.

A file is written under a temporary name, flushed to the disk (fsync), renamed into place, and its folder flushed too.
A name is checked before it touches the disk, and a path that leaves the root by a symbolic link is refused. A folder
cannot hold `a` and `a/b` at once, as S3 can: the second of them is a `BadFileName`. Files are readable for the
process's own user only, for they hold what guests wrote.
"""

import asyncio
import contextlib
import os
import stat
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.engine.files.errors import BadFileName, NoSuchFile
from comanda.engine.files.file_name import checked_file_name, checked_prefix
from comanda.engine.files.file_store import CHUNK_OCTETS, FileInfo

Result = TypeVar("Result")

INCOMING = ".incoming"
"""The folder below the root where files stand until they are whole; no file's name can begin so."""

LEFT_BEHIND_S = 24 * 3600.0
"""A file in `INCOMING` older than this was left behind by a process that died, and is removed at a start."""

LISTED_TOGETHER = 500
"""Files that `list` reads from the disk at a time."""


class LocalFileStore:
    """Files in a folder.

    Args:
        root: the folder; it is made.
    """

    def __init__(self, root: Path, *, clock: Clock) -> None:
        self.root = root
        self._clock = clock

    async def start(self) -> None:
        """Make the folder, and remove what dead processes left behind."""
        await self._run(self._prepare)

    async def stop(self) -> None:
        """Do nothing: nothing is open between calls."""

    async def put(self, name: str, content: bytes | AsyncIterable[bytes]) -> FileInfo:
        """Store a file; see `FileStore.put`."""
        checked_file_name(name)
        if isinstance(content, bytes):
            return await self._run(lambda: self._put_whole(name, content))
        incoming = await self._run(lambda: _Incoming(self.root / INCOMING))
        try:
            async for piece in content:
                await self._run(lambda piece=piece: incoming.file.write(piece))  # type: ignore[misc]
            return await self._run(lambda: incoming.move(name, self._place(name), self.root))
        finally:
            incoming.discard()

    async def get(self, name: str) -> bytes:
        """Return the whole content; see `FileStore.get`."""

        def read() -> bytes:
            with _opened(name, self._place(name)) as file:
                return file.read()

        return await self._run(read)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Return the content piece by piece; see `FileStore.read`."""
        with await self._run(lambda: _opened(name, self._place(name))) as file:
            while piece := await self._run(lambda: file.read(CHUNK_OCTETS)):
                yield piece

    async def stat(self, name: str) -> FileInfo | None:
        """Return what is known of a file; see `FileStore.stat`."""
        return await self._run(lambda: _info(name, self._place(name)))

    async def delete(self, name: str) -> None:
        """Remove a file; see `FileStore.delete`. Folders that it leaves empty stay: a file may be on its way there."""

        def remove() -> None:
            path = self._place(name)
            if _info(name, path) is not None:
                path.unlink(missing_ok=True)
                _flush_folder(path.parent)

        await self._run(remove)

    async def list(self, prefix: str = "") -> AsyncIterator[FileInfo]:
        """Return the files below a prefix; see `FileStore.list`."""
        found = _walk(self.root, "", checked_prefix(prefix))
        while infos := await self._run(lambda: list(islice(found, LISTED_TOGETHER))):
            for info in infos:
                yield info

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise Unavailable(f"The folder {self.root} cannot be used: {error}") from error

    def _place(self, name: str) -> Path:
        path = self.root / checked_file_name(name)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise BadFileName(name)
        return path

    def _put_whole(self, name: str, content: bytes) -> FileInfo:
        incoming = _Incoming(self.root / INCOMING)
        try:
            incoming.file.write(content)
            return incoming.move(name, self._place(name), self.root)
        finally:
            incoming.discard()

    def _prepare(self) -> None:
        incoming = self.root / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        horizon = self._clock.now().timestamp() - LEFT_BEHIND_S
        for left in incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < horizon:
                    left.unlink()


class _Incoming:
    """A file that is being written, and that nobody sees before it is moved into place."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=folder)
        self.file = os.fdopen(handle, "wb")
        self._path: Path | None = Path(path)

    def move(self, name: str, target: Path, root: Path) -> FileInfo:
        """Flush the file to the disk and give it its name."""
        if self._path is None:
            raise ValueError("already moved")
        self.file.flush()
        os.fsync(self.file.fileno())
        status = os.fstat(self.file.fileno())
        try:
            _make_folders(target.parent, root)
            self._path.replace(target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadFileName(name) from error
        self._path = None
        _flush_folder(target.parent)
        return FileInfo(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def discard(self) -> None:
        """Close the file, and remove it when it was not moved."""
        with contextlib.suppress(OSError):
            self.file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _make_folders(folder: Path, root: Path) -> None:
    """Make a folder below the root, each flushed into the one above it."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        _flush_folder(folder.parent)
    if not folder.is_dir():
        raise NotADirectoryError(folder)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(name: str, path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NoSuchFile(name) from error


def _info(name: str, path: Path) -> FileInfo | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileInfo(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _walk(folder: Path, above: str, prefix: str) -> Iterator[FileInfo]:
    """Yield the files below a folder in the order of their whole names: a folder sorts as its name with the `/`."""
    try:
        entries = sorted((entry.name + ("/" if entry.is_dir() else ""), entry) for entry in folder.iterdir())
    except FileNotFoundError:
        return
    for label, entry in entries:
        name = above + label
        if label[0] == ".":
            continue
        if label[-1] == "/":
            if name.startswith(prefix) or prefix.startswith(name):
                yield from _walk(entry, name, prefix)
        elif name.startswith(prefix) and (info := _info(name, entry)) is not None:
            yield info
