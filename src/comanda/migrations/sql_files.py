"""Migrations that are written as SQL: the files of a folder beside the migration, of the same name."""

from pathlib import Path

from alembic import op

BETWEEN_STATEMENTS = ";\n\n"


def run_beside(migration: str) -> None:
    """Run the statements of all files in the folder that is called as `migration` is, in the order of their names.

    Args:
        migration: the path of the migration's own file.
    """
    connection = op.get_bind()
    for file in sorted(Path(migration).with_suffix("").glob("*.sql")):
        for statement in file.read_text().rstrip(";\n").split(BETWEEN_STATEMENTS):
            connection.exec_driver_sql(statement)
