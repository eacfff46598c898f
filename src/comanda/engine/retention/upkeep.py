"""The periodic work by which the engine's tables keep their size, and who reads the log that they hold."""

import importlib
from collections.abc import Sequence

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.engine.errors import SettingError
from comanda.engine.files.file_store import FileStore
from comanda.engine.lanes.consumer import Consumer, Periodic
from comanda.engine.lanes.relay import Relay
from comanda.engine.periods import TimePartitions
from comanda.engine.retention.day import Readers
from comanda.engine.retention.retention import Archive, Retention
from comanda.engine.retention.sweep import Sweep

PARTITIONS_EVERY_S = 3600.0
RETENTION_EVERY_S = 3600.0
SWEEP_EVERY_S = 600.0

ARCHIVING_S = 12 * 3600.0
"""How long one application of the retention may take: days that were held for long may go together."""


def upkeep(
    database: Database, partitioned: Sequence[TimePartitions], retention: Retention, clock: Clock
) -> list[Periodic]:
    """Return the engine's own periodic work: partitions ahead, days that go, rows that go."""

    async def make_partitions() -> None:
        async with database.transaction() as tx:
            await ensure_partitions(tx, partitioned, clock)

    return [
        Periodic(name="engine.partitions", every_s=PARTITIONS_EVERY_S, run=make_partitions),
        Periodic(name="engine.retention", every_s=RETENTION_EVERY_S, run=retention.run, most_s=ARCHIVING_S),
        Periodic(name="engine.sweep", every_s=SWEEP_EVERY_S, run=Sweep(database).run),
    ]


def readers_of(consumers: Sequence[Consumer], *, carried: bool) -> Readers:
    """Return who reads the log: all of `consumers`, or their relays alone where a carrier brings the others events."""
    if not carried:
        return Readers([consumer.name for consumer in consumers])
    return Readers(
        [consumer.name for consumer in consumers if isinstance(consumer, Relay)],
        [consumer.name for consumer in consumers if not isinstance(consumer, Relay)],
    )


def parquet_archive(files: FileStore) -> Archive:
    """Return an archive in `files`. Raises `SettingError` where the extra that it needs is not installed."""
    try:
        parquet = importlib.import_module("comanda.engine.retention.parquet")
    except ModuleNotFoundError as error:
        raise SettingError(f"Archives need {error.name}; install comanda[archive].") from error
    archive: Archive = parquet.ParquetArchive(files)
    return archive
