"""Where the `comanda up` of a data directory has put its parts, for commands that are run beside it.

`comanda up` chooses free ports where it is told to; a command that talks to its provider or its web processes finds
them in a file of the data directory.
"""

import os

import msgspec

from comanda.settings import Settings

FILE = "running.json"


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of one box, as settings."""

    host: str
    port: int
    sandbox_port: int
    mailbox_port: int
    smtp_port: int


def tell(running: Settings) -> None:
    """Write down where everything is."""
    found = Whereabouts(**{name: getattr(running, name) for name in Whereabouts.__struct_fields__})
    draft = running.data / f"{FILE}.{os.getpid()}"
    draft.write_bytes(msgspec.json.encode(found))
    draft.replace(running.data / FILE)


def beside(settings: Settings) -> Settings:
    """Return the settings with the addresses of the box that was last started on their data directory, if any was."""
    try:
        found = msgspec.json.decode((settings.data / FILE).read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        return settings
    return msgspec.structs.replace(settings, **msgspec.structs.asdict(found))
