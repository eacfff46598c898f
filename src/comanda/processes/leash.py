"""The leash between a supervisor and its children: a pipe on the child's standard input.

A child loads its code, then waits for one line with the settings that became known meanwhile, and starts with them.
When the pipe ends, the supervisor has ended, however that came about, and the child ends too.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping, MutableMapping

import msgspec

MARK = "_COMANDA_LEASH"
"""Set in a child's environment. Its first underscore keeps it out of the settings."""

GRACE_S = 15.0
"""How long a child whose supervisor is gone may take to end in order."""


def message(environ: Mapping[str, str]) -> bytes:
    """Return the line that lets a child start."""
    return msgspec.json.encode(environ) + b"\n"


def hold(environ: MutableMapping[str, str]) -> None:
    """Wait for the supervisor's line and take its settings into `environ`; from then on end when it ends.

    Does nothing in a process that no supervisor has started.
    """
    if environ.pop(MARK, None) is None:
        return
    line = sys.stdin.buffer.readline()
    if not line:
        raise SystemExit(0)
    environ.update(msgspec.json.decode(line, type=dict[str, str]))
    threading.Thread(target=_end_with_supervisor, name="leash", daemon=True).start()


def _end_with_supervisor() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
