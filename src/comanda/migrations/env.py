"""What Alembic runs: the migrations, on the connection that `migrate` hands over, in one transaction."""

from alembic import context
from sqlalchemy import Connection

from comanda.migrations.comparison import OPTIONS, know_our_types
from comanda.tables import METADATA


def run(connection: Connection) -> None:
    """Run the migrations that are wanted."""
    know_our_types()
    context.configure(connection=connection, target_metadata=list(METADATA), **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
