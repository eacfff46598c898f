"""The foundation: the engine's log, cursors and keys, and the tables of the first contexts, a file of SQL for each."""

from comanda.migrations.sql_files import run_beside

revision = "0001_foundation"
down_revision = None


def upgrade() -> None:
    """Make schemas, tables and indexes; tables cut by time get the partition that takes what no other takes."""
    run_beside(__file__)
