"""What only a folder can do wrong."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.errors import SettingError, Unavailable
from comanda.engine.files import BadFileName, LocalFileStore, from_url
from tests.fakes.clock import FakeClock


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a secret that no store may reach."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a folder with their text."""
    return {path.name: path.read_text() for path in folder.iterdir()}


async def test_links_do_not_lead_out(tmp_path: Path, outside: Path) -> None:
    """A symbolic link below the root that leads out of it is refused, by reading and by writing."""
    store = LocalFileStore(tmp_path / "files", clock=SystemClock())
    await store.start()
    (store.root / "link").symlink_to(outside)
    for name in ("link/secret", "link/new"):
        with pytest.raises(BadFileName):
            await store.put(name, b"x")
        with pytest.raises(BadFileName):
            await store.get(name)
        with pytest.raises(BadFileName):
            await store.delete(name)
    assert contents(outside) == {"secret": "secret"}


async def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    """A folder cannot hold `a` and `a/b`: the second is refused, and the first stays."""
    store = LocalFileStore(tmp_path / "files", clock=SystemClock())
    await store.start()
    await store.put("a", b"file")
    with pytest.raises(BadFileName):
        await store.put("a/b", b"x")
    await store.put("c/d", b"below")
    with pytest.raises(BadFileName):
        await store.put("c", b"x")
    assert await store.get("a") == b"file"
    assert await store.get("c/d") == b"below"
    assert list((store.root / ".incoming").iterdir()) == []


async def test_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    """A start removes half-written files of processes long dead, and leaves those of a living one."""
    clock = FakeClock(datetime(2025, 6, 2, 12, 0, tzinfo=UTC))
    store = LocalFileStore(tmp_path / "files", clock=clock)
    await store.start()
    old, young = store.root / ".incoming" / "old", store.root / ".incoming" / "young"
    for path, age_s in ((old, 25 * 3600), (young, 3600)):
        path.write_bytes(b"half")
        os.utime(path, times=(clock.now().timestamp() - age_s,) * 2)
    await store.start()
    assert not old.exists()
    assert young.exists()


async def test_only_the_owner_reads(tmp_path: Path) -> None:
    """Files hold what guests wrote, so other users of the machine cannot read them."""
    store = LocalFileStore(tmp_path / "files", clock=SystemClock())
    await store.start()
    await store.put("receipt", b"x")
    assert (store.root / "receipt").stat().st_mode & 0o077 == 0


async def test_an_unusable_folder_is_unavailable(tmp_path: Path) -> None:
    """A root that cannot be made is told as such, not as a raw error of the system."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Unavailable):
        await LocalFileStore(tmp_path / "taken" / "files", clock=SystemClock()).start()


def test_urls(tmp_path: Path) -> None:
    """`file:` is a folder in the data folder, `file:///…` any folder, and all else is told in a sentence."""
    clock = SystemClock()
    default = from_url("file:", data_dir=tmp_path, clock=clock)
    other = from_url("file:///srv/my%20files", data_dir=tmp_path, clock=clock)
    assert isinstance(default, LocalFileStore)
    assert isinstance(other, LocalFileStore)
    assert (default.root, other.root) == (tmp_path / "files", Path("/srv/my files"))
    for url in ("s3://bucket", "file:relative", "file://host/folder", "http://x", "", "file"):
        with pytest.raises(SettingError, match="write file:"):
            from_url(url, data_dir=tmp_path, clock=clock)
