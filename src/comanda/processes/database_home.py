"""Where a command finds its database: elsewhere, in a running `comanda up`, or in a server of its own."""

import contextlib
from collections.abc import AsyncIterator

import msgspec

from comanda.engine.database.embedded import EmbeddedPostgres, running_url
from comanda.engine.folder_lock import FolderLock
from comanda.settings import Settings

EMBEDDED = "embedded:"


def embedded_server(settings: Settings, lock: FolderLock | None = None) -> EmbeddedPostgres | None:
    """Return the embedded server that the settings ask for, not started; None when the database is elsewhere."""
    if not settings.database_url.startswith(EMBEDDED):
        return None
    return EmbeddedPostgres(settings.data, port=settings.database_port or None, lock=lock)


@contextlib.asynccontextmanager
async def with_database(settings: Settings) -> AsyncIterator[Settings]:
    """Lend the settings with the database's real URL.

    With `embedded:` that is the server that a running `comanda up` has on this data directory, or else one that lives
    as long as the block.
    """
    server = embedded_server(settings)
    if server is None:
        yield settings
        return
    url = running_url(settings.data)
    if url is not None:
        yield msgspec.structs.replace(settings, database_url=url)
        return
    try:
        await server.start()
        yield msgspec.structs.replace(settings, database_url=server.url)
    finally:
        await server.stop()
