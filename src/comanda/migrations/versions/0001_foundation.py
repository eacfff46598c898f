"""The foundation: the engine's log, cursors and keys, and the tables of the first contexts."""

import sqlalchemy as sa
from alembic import op

from comanda.tables import METADATA

revision = "0001_foundation"
down_revision = None

HASH_PARTITIONS = 8
"""Of orders and their lines, by restaurant."""


def upgrade() -> None:
    """Make schemas and tables; the log gets the partition that takes what no day's partition takes."""
    for metadata in METADATA:
        op.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {metadata.schema}"))
    for metadata in METADATA:
        metadata.create_all(op.get_bind())
    op.execute("CREATE TABLE engine.events_default PARTITION OF engine.events DEFAULT")
    for table in ("orders", "order_lines"):
        for part in range(HASH_PARTITIONS):
            op.execute(
                f"CREATE TABLE ordering.{table}_{part} PARTITION OF ordering.{table} "
                f"FOR VALUES WITH (MODULUS {HASH_PARTITIONS}, REMAINDER {part})"
            )
