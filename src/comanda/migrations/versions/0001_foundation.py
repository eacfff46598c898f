"""The foundation: the engine's log, cursors and keys, and the tables of the first contexts, a file of SQL for each."""

from pathlib import Path

from alembic import op

revision = "0001_foundation"
down_revision = None

BETWEEN_STATEMENTS = ";\n\n"


def upgrade() -> None:
    """Make schemas, tables and indexes; tables cut by time get the partition that takes what no other takes."""
    connection = op.get_bind()
    for file in sorted(Path(__file__).with_suffix("").glob("*.sql")):
        for statement in file.read_text().rstrip(";\n").split(BETWEEN_STATEMENTS):
            connection.exec_driver_sql(statement)
