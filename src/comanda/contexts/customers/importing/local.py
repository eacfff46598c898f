"""The import of a file of this machine by the process that was asked to: for the terminal, without a lane.

A file is known by its size and hash, so that the same command, given again after a kill, goes on where it stood.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from comanda.contexts.customers.importing.chunks import Chunk, ChunkReader
from comanda.contexts.customers.importing.cleaning import Problem
from comanda.contexts.customers.importing.files import LocalFile
from comanda.contexts.customers.importing.headers import ROLES, Role, plain
from comanda.contexts.customers.importing.layout import Layout, check_roles
from comanda.contexts.customers.importing.service import Imports
from comanda.contexts.customers.importing.store import ImportRow
from comanda.contexts.customers.importing.writing import Counts
from comanda.engine.database import Database
from comanda.engine.errors import Refused

Told = Callable[[int, int], None]
"""Called after each chunk with the byte up to which, and the number of rows that were, read."""

MOST_SHOWN = 20
"""Problems that a dry run keeps."""


class Fingerprint(NamedTuple):
    """What a file is known by."""

    key: str
    size: int


class Look(NamedTuple):
    """What an import would do, as far as the file alone tells. `taken` are rows that would be written."""

    counts: Counts
    taken: int
    problems: list[Problem]


def fingerprint(path: Path) -> Fingerprint:
    """Return what the file is known by; raises `Refused` where it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Fingerprint(f"sha256:{digest}", file.tell())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.", kind="not_found", code="import-file") from error


def mapped(layout: Layout, wishes: list[str]) -> Layout:
    """Return the layout with the roles that somebody wishes: `phone=Handy`, or `phone=3` for the third column.

    Raises `Refused` for a role or a column that is none, or where no column has the addresses.
    """
    roles: list[Role] = list(layout.roles)
    for wish in wishes:
        role, _, heading = wish.partition("=")
        known = next((one for one in ROLES if one == role), None)
        if known is None:
            raise Refused(f"{role!r} is none of {', '.join(ROLES)}.", kind="invalid", code="import-mapping")
        number = _column(layout, heading)
        if known not in {"attribute", "ignore"}:
            roles = ["attribute" if one == known else one for one in roles]
        roles[number] = known
    check_roles(roles)
    return msgspec.structs.replace(layout, roles=tuple(roles))


async def run(imports: Imports, database: Database, row: ImportRow, path: Path, told: Told) -> ImportRow:
    """Write an import to its end, or until it is cancelled; return it as it stands then.

    The next chunk is read while one is written. Where another process works at the same import, this one goes on from
    wherever the two have come.
    """
    file = LocalFile(path)
    while row.state == "running":
        await _written(imports, database, await imports.reader(row, file), row.counts.rows, told)
        row = await imports.import_of(row.restaurant_id, row.id)
    return row


async def look(imports: Imports, row: ImportRow, path: Path, told: Told) -> Look:
    """Read a whole file and write nothing; `row` need not be stored."""
    counts = Counts()
    taken = 0
    problems: list[Problem] = []
    reader = await imports.reader(row, LocalFile(path))
    ended = False
    while not ended:
        chunk = await reader.next()
        cleaned = chunk.cleaned
        counts.rows += cleaned.rows
        counts.refused += cleaned.refused
        counts.noted += len(cleaned.problems) - cleaned.refused
        taken += cleaned.rows - cleaned.refused
        problems += cleaned.problems[: MOST_SHOWN - len(problems)]
        told(chunk.end.offset, counts.rows)
        ended = chunk.ended
    return Look(counts, taken, problems)


async def _written(imports: Imports, database: Database, reader: ChunkReader, rows: int, told: Told) -> None:
    """Write chunks until the last one, or until one is refused because the import stands elsewhere."""
    following: asyncio.Task[Chunk] | None = asyncio.create_task(reader.next())
    try:
        while following is not None:
            chunk = await following
            following = None if chunk.ended else asyncio.create_task(reader.next())
            if not await database.run(partial(imports.write, chunk=chunk, chained=False)):
                return
            rows += chunk.cleaned.rows
            told(chunk.end.offset, rows)
    finally:
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


def _column(layout: Layout, heading: str) -> int:
    headings = [plain(column) for column in layout.columns]
    if plain(heading) in headings:
        return headings.index(plain(heading))
    if heading.isdecimal() and 0 < int(heading[:6]) <= len(headings):
        return int(heading) - 1
    raise Refused(
        f"There is no column {heading!r}; there are {', '.join(layout.columns)}.", kind="invalid", code="import-mapping"
    )
