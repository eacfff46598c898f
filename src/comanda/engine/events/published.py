"""The published schemas of events, a file for each version: what other programs have learnt of them.

A folder of such files is kept in the repository. `write` brings it to what the program says today, and refuses what
would break a version that was published; a test holds that the folder is complete and true.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from comanda.engine.errors import ComandaError
from comanda.engine.events.event import Event
from comanda.engine.events.schemas import Schema, breaks, schema_of


class PublishedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an event, as it was published."""

    name: str
    version: int
    key: str
    schema: Schema


class BrokenVersion(ComandaError):
    """A change would break a published version of an event. The message says what to do instead."""


def published(folder: Path) -> dict[tuple[str, int], PublishedVersion]:
    """Return what a folder holds, by name and version."""
    found = [msgspec.json.decode(file.read_bytes(), type=PublishedVersion) for file in sorted(folder.glob("*.json"))]
    return {(one.name, one.version): one for one in found}


def today(kind: type[Event]) -> PublishedVersion:
    """Return what an event is today."""
    return PublishedVersion(name=kind.name, version=kind.version, key=kind.key_field, schema=schema_of(kind))


def complaints(kind: type[Event], known: dict[tuple[str, int], PublishedVersion]) -> Iterator[str]:
    """Tell what is wrong with an event, beside what was published of it, and what to do."""
    missing = [str(version) for version in range(1, kind.version) if (kind.name, version) not in known]
    if missing:
        yield f"{kind.name}: the file of version {', '.join(missing)} is gone; it stays, as the log's rows do."
    before = known.get((kind.name, kind.version))
    if before is None:
        return
    now = today(kind)
    told = breaks(before.schema, now.schema)
    if before.key != now.key:
        told.append(f"its key was `{before.key}` and is `{now.key}`")
    if told:
        yield (
            f"{kind.name} version {kind.version} was published, and this change breaks it: {'; '.join(told)}. "
            f"Give a new field a default, or make it version {kind.version + 1} with an upcaster (docs/events.md)."
        )


def write(kinds: Sequence[type[Event]], folder: Path) -> list[Path]:
    """Write today's versions into a folder; return the files that are new or changed. Raises `BrokenVersion`."""
    known = published(folder)
    broken = [complaint for kind in kinds for complaint in complaints(kind, known)]
    if broken:
        raise BrokenVersion(" ".join(broken))
    written = []
    for kind in kinds:
        file = folder / f"{kind.name}.v{kind.version}.json"
        text = msgspec.json.format(msgspec.json.encode(today(kind)), indent=2) + b"\n"
        if not file.exists() or file.read_bytes() != text:
            file.write_bytes(text)
            written.append(file)
    return written
