"""The leash of a child: a pipe on its standard input, whose other end its nursery holds.

When the pipe ends, the nursery has ended, however that came about, and the child ends too.
"""

import os
import signal
import threading
from collections.abc import MutableMapping

MARK = "_COMANDA_CHILD"
"""Names a child in its environment. Its first underscore keeps it out of the settings."""

GRACE_S = 15.0
"""How long a child whose nursery is gone may take to end in order."""


def hold(environ: MutableMapping[str, str]) -> str | None:
    """End, from now on, when the nursery ends; return the name it gave.

    Does nothing in a process that was not made by one, and returns None.
    """
    name = environ.pop(MARK, None)
    if name is not None:
        threading.Thread(target=_end_with_nursery, name="leash", daemon=True).start()
    return name


def _end_with_nursery() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
