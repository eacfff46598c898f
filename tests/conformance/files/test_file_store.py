"""What every file store must do; each implementation is one entry in `STORES`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.files import BadFileName, FileStore, LocalFileStore, NoSuchFile

STORES: dict[str, Callable[[Path], FileStore]] = {
    "local": lambda folder: LocalFileStore(folder / "files", clock=SystemClock()),
}

BAD_NAMES = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    "/a",
    ".hidden",
    "a/.hidden",
    ".incoming/x",
    "a\\b",
    "a\x00b",
    "a\nb",
    "C:x",
    "\ud800",
    "x" * 1025,
    "a/" + "x" * 201,
]


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    """A started, empty store."""
    store = STORES[request.param](tmp_path)
    await store.start()
    yield store
    await store.stop()


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """Yield contents as a source would."""
    for content in contents:
        await asyncio.sleep(0)
        yield content


async def names(store: FileStore, prefix: str = "") -> list[str]:
    """Return the names below a prefix."""
    return [info.name async for info in store.list(prefix)]


async def test_what_is_put_is_got(store: FileStore) -> None:
    """A file comes back whole, with its size and time, also when its name is not ASCII."""
    content = bytes(range(256)) * 4000
    for name in ("a/b/c.bin", "menü/🍕 pizza.jpg"):
        info = await store.put(name, content)
        assert (info.name, info.size) == (name, len(content))
        assert await store.stat(name) == info
        assert info.modified_at.tzinfo is not None
        assert await store.get(name) == content
        assert b"".join([piece async for piece in store.read(name)]) == content


async def test_a_stream_is_put(store: FileStore) -> None:
    """Content may come piece by piece, and may be empty."""
    await store.put("streamed", pieces(b"one ", b"", b"two"))
    await store.put("empty", pieces())
    assert await store.get("streamed") == b"one two"
    assert await store.get("empty") == b""


async def test_a_put_replaces(store: FileStore) -> None:
    """The second file of a name takes the place of the first, shorter or longer."""
    for content in (b"long content", b"short", b"", b"long again"):
        await store.put("same", content)
        assert await store.get("same") == content
    assert await names(store) == ["same"]


async def test_a_source_that_fails_changes_nothing(store: FileStore) -> None:
    """When the content's source raises, the old file stays and no part of the new one is seen."""

    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the guest hung up")

    await store.put("kept", b"old")
    for name in ("kept", "new"):
        with pytest.raises(RuntimeError):
            await store.put(name, failing())
    assert await store.get("kept") == b"old"
    assert await names(store) == ["kept"]


async def test_readers_see_whole_files(store: FileStore) -> None:
    """While a file is replaced many times, each read is one version and no mixture."""
    versions = [bytes([number]) * 300_000 for number in range(12)]
    await store.put("busy", versions[0])

    async def write() -> None:
        for version in versions:
            await store.put("busy", version)

    writing = asyncio.create_task(write())
    while not writing.done():
        assert await store.get("busy") in versions
        assert b"".join([piece async for piece in store.read("busy")]) in versions
    await writing
    assert await store.get("busy") == versions[-1]


async def test_what_is_not_there(store: FileStore) -> None:
    """A missing file is `NoSuchFile` to readers, None to `stat`, and no matter to `delete`; a folder is not a file."""
    await store.put("folder/file", b"x")
    for name in ("missing", "folder", "folder/missing", "folder/file/below"):
        with pytest.raises(NoSuchFile):
            await store.get(name)
        with pytest.raises(NoSuchFile):
            [piece async for piece in store.read(name)]
        assert await store.stat(name) is None
        await store.delete(name)
    assert await names(store) == ["folder/file"]


async def test_delete(store: FileStore) -> None:
    """A deleted file is gone, and its name can be used again."""
    await store.put("a/b", b"x")
    await store.delete("a/b")
    assert await store.stat("a/b") is None
    assert await names(store) == []
    await store.put("a/b", b"y")
    assert await store.get("a/b") == b"y"


async def test_list(store: FileStore) -> None:
    """A listing has the names that begin with the prefix, in the order of their UTF-8."""
    everything = ["a-b", "a/b", "a/c/d", "a0", "b", "receipts/2025/1", "receipts/2025/10", "receipts/2026/1", "é"]
    for name in reversed(everything):
        await store.put(name, name.encode())
    assert await names(store) == everything == sorted(everything, key=str.encode)
    assert await names(store, "a") == ["a-b", "a/b", "a/c/d", "a0"]
    assert await names(store, "a/") == ["a/b", "a/c/d"]
    assert await names(store, "receipts/2025") == ["receipts/2025/1", "receipts/2025/10"]
    assert await names(store, "receipts/2025/1") == ["receipts/2025/1", "receipts/2025/10"]
    assert await names(store, "nothing") == []


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:20])
async def test_bad_names(store: FileStore, name: str) -> None:
    """A name that could leave the store, or that another store could not hold, is refused by every call."""
    with pytest.raises(BadFileName):
        await store.put(name, b"x")
    with pytest.raises(BadFileName):
        await store.get(name)
    with pytest.raises(BadFileName):
        [piece async for piece in store.read(name)]
    with pytest.raises(BadFileName):
        await store.stat(name)
    with pytest.raises(BadFileName):
        await store.delete(name)
    assert await names(store) == []


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".incoming"])
async def test_bad_prefixes(store: FileStore, prefix: str) -> None:
    """A prefix that no name could begin with is refused."""
    with pytest.raises(BadFileName):
        await names(store, prefix)


async def test_many_at_once(store: FileStore) -> None:
    """Many writers into one folder that is not there yet do not disturb each other."""
    await asyncio.gather(*(store.put(f"new/folder/{number}", b"%d" % number) for number in range(50)))
    assert len(await names(store, "new/folder/")) == 50
