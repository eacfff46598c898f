"""The foundation: the engine's log, cursors and keys, and the tables of the first contexts."""

import sqlalchemy as sa
from alembic import op

from comanda.tables import METADATA

revision = "0001_foundation"
down_revision = None


def upgrade() -> None:
    """Make schemas and tables; tables cut by time get the partition that takes what no other takes."""
    for metadata in METADATA:
        op.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {metadata.schema}"))
    for metadata in METADATA:
        metadata.create_all(op.get_bind())
    for table in ("engine.events", "ordering.order_lines", "ordering.attempts"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
