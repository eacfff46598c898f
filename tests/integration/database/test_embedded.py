import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from comanda.engine.database import Database, postmaster
from comanda.engine.database.cluster import Cluster
from comanda.engine.database.embedded import EmbeddedPostgres, running_url
from comanda.engine.database.system_user import server_user
from comanda.engine.errors import SettingError
from comanda.engine.folder_lock import FolderInUse, FolderLock

PATIENCE = 1000

pytestmark = pytest.mark.slow  # Each test makes, starts and stops servers of its own.


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory outside pytest's own folder, which another run of pytest would close to the server's user."""
    with tempfile.TemporaryDirectory(prefix="comanda-embedded-") as made:
        yield Path(made, "data")


async def _value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        value: object = await connection.fetchval(sql)
        return value
    finally:
        await connection.close()


def _process(command: list[str], **arguments: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **arguments)


def _temporary() -> list[Path]:
    return list(Path(tempfile.gettempdir()).iterdir())


async def _until(look: Callable[[], object]) -> None:
    for _ in range(PATIENCE):
        if look():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("It did not come to be.")


async def test_what_was_committed_is_there_after_a_restart(folder: Path) -> None:
    """Data outlives an orderly end, and the server is PostgreSQL 18 with the settings of one box and fsync on."""
    first = EmbeddedPostgres(folder)
    await first.start()
    await _value(first.url, "CREATE TABLE kept AS SELECT 7 AS n")
    await first.stop()
    assert running_url(folder) is None

    second = EmbeddedPostgres(folder)
    await second.start()
    assert running_url(folder) == second.url
    assert await _value(second.url, "SELECT n FROM kept") == 7
    assert await _value(second.url, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert await _value(second.url, "SELECT current_setting('fsync') || current_setting('max_wal_size')") == "on4GB"
    provider = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'comanda'"
    assert await _value(second.url, provider) == "bC.UTF-8"
    assert await _value(second.url, "SELECT lower('ÄÉÑ') || pg_encoding_to_char(6)") == "äéñUTF8"
    await second.stop()


async def test_one_data_directory_has_one_owner(folder: Path) -> None:
    """A second owner is told who the first is, and the first goes on."""
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    await first.start()
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        await second.start()
    assert await _value(first.url, "SELECT 1") == 1
    await first.stop()
    await second.start()
    await second.stop()


async def test_a_server_left_running_is_adopted(folder: Path) -> None:
    """A server whose owner and guard were killed goes on under its next owner, without a restart."""
    first = EmbeddedPostgres(folder)
    await first.start()
    await first.stop()
    cluster = Cluster(folder, {})
    cluster.prepare()
    left = cluster.spawn(5432, "")
    await _until(lambda: running_url(folder))

    owner = EmbeddedPostgres(folder)
    await owner.start()
    assert owner.pid == left.pid
    await owner.stop()
    assert left.wait(5) == 0


async def test_a_killed_server_recovers_at_its_next_start(folder: Path) -> None:
    """After a kill -9 of the server, what was committed is recovered, also where its id now is somebody else's."""
    first = EmbeddedPostgres(folder)
    await first.start()
    await _value(first.url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    pid = first.pid
    assert pid is not None
    # The keeper would start it again at once.
    await first._keeper.stop()  # noqa: SLF001 - the test plays a machine on which everything is killed
    psutil.Process(pid).kill()
    await first.stop()
    user = server_user()
    with _process(["/bin/sh", "-c", "read -r _"], **(user.popen_arguments() if user else {})) as stranger:
        file = folder / "postgres" / postmaster.PID_FILE
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

        second = EmbeddedPostgres(folder)
        await second.start()
        assert await _value(second.url, "SELECT count(*) FROM kept") == 1000
        await second.stop()
        assert stranger.poll() is None
        stranger.communicate(b"\n")


async def test_a_killed_server_that_nobody_waits_for_is_no_rival(folder: Path) -> None:
    """A zombie of the killed server, as in a container whose first process does not wait, does not stop the next."""
    first = EmbeddedPostgres(folder)
    await first.start()
    await first.stop()
    cluster = Cluster(folder, {})
    cluster.prepare()
    left = cluster.spawn(5432, "")
    await _until(lambda: running_url(folder))
    # Not waited for: from here on it is a zombie.
    left.send_signal(signal.SIGKILL)
    await _until(lambda: psutil.Process(left.pid).status() == psutil.STATUS_ZOMBIE)

    second = EmbeddedPostgres(folder)
    try:
        await second.start()
        assert await _value(second.url, "SELECT 1") == 1
        await second.stop()
    finally:
        left.wait()


async def test_a_server_that_dies_is_started_again_under_its_clients(folder: Path) -> None:
    """The pool of a client finds the server that was started again, without a new pool."""
    server = EmbeddedPostgres(folder)
    await server.start()
    database = Database(server.url, max_size=2)
    await database.start()
    pid = server.pid
    assert pid is not None
    psutil.Process(pid).kill()
    await _until(lambda: server.pid != pid)
    await database.ping()
    await database.stop()
    await server.stop()


async def test_the_guard_ends_the_server_of_an_owner_that_was_killed(folder: Path) -> None:
    """When the owner is killed, its server ends in order."""
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from comanda.engine.database.embedded import EmbeddedPostgres\n"
        "async def main():\n"
        "    server = EmbeddedPostgres(Path(sys.argv[1]))\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with _process([sys.executable, "-c", script, str(folder)]) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    assert psutil.wait_procs([server], timeout=30)[1] == []
    assert "shut down" in (folder / "postgres.log").read_text()


async def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    """Unix sockets have short names; data directories need not."""
    deep = folder / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(deep)
    await server.start()
    assert str(deep) not in server.url
    assert await _value(server.url, "SELECT 1") == 1
    assert running_url(deep) == server.url
    running = postmaster.read(deep / "postgres")
    await server.stop()
    assert running is not None
    assert running.socket_dir not in {str(path) for path in _temporary()}


async def test_over_tcp_the_password_is_asked_for(folder: Path) -> None:
    """With a port, other programs on this machine get in with the password from the data directory, and only so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = EmbeddedPostgres(folder, port=port)
    await server.start()
    password = (folder / "postgres-password").read_text()
    assert (folder / "postgres-password").stat().st_mode & 0o777 == 0o600
    assert await _value(f"postgresql://comanda:{password}@127.0.0.1:{port}/comanda", "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _value(f"postgresql://comanda:wrong@127.0.0.1:{port}/comanda", "SELECT 1")
    await server.stop()


async def test_a_taken_port_is_told(folder: Path) -> None:
    """A port on which another program listens is named as the reason."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SettingError, match="Another program listens on the port"):
            await EmbeddedPostgres(folder, port=other.getsockname()[1]).start()


async def test_another_versions_data_is_refused(folder: Path) -> None:
    """Data of another PostgreSQL is left alone, and the message says what to do."""
    first = EmbeddedPostgres(folder)
    await first.start()
    await first.stop()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(SettingError, match="made by PostgreSQL 16 and this is 18"):
        await EmbeddedPostgres(folder).start()


async def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """The message names the folder, and what to do."""
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(SettingError, match="cannot be written to"):
        await EmbeddedPostgres(file / "data").start()


async def test_a_start_that_was_cut_short_is_made_anew(folder: Path) -> None:
    """What a killed initdb left behind does not stand in the way."""
    half = folder / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(folder)
    await server.start()
    assert await _value(server.url, "SELECT 1") == 1
    await server.stop()


async def test_a_stop_ends_even_a_server_with_busy_clients(folder: Path) -> None:
    """Open transactions are rolled back; nobody waits for them."""
    server = EmbeddedPostgres(folder)
    await server.start()
    client = await asyncpg.connect(server.url)
    busy = asyncio.create_task(client.execute("SELECT pg_sleep(60)"))
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    for _ in range(PATIENCE):
        if await _value(server.url, sleeping):
            break
    await asyncio.wait_for(server.stop(), 20)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await busy
    client.terminate()


def test_the_lock_is_let_go_when_its_holder_is_killed(tmp_path: Path) -> None:
    """A lock that outlived its process would need a person to remove it."""
    script = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from comanda.engine.folder_lock import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).acquire()\n"
        "print('held', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lock = FolderLock(tmp_path)
        with pytest.raises(FolderInUse):
            lock.acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    lock.acquire()
    assert lock.held
    lock.release()
