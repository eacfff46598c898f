"""A connection that the server has ended, seen by whoever has a transaction open on it."""

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Unavailable


async def test_a_connection_that_ends_under_a_transaction_is_unavailable(database: Database) -> None:
    """Whatever the driver makes of it, the caller is told that the database went away, and the next try works."""

    async def losing(tx: Transaction) -> None:
        pid = await tx.fetch_value("SELECT pg_backend_pid()")
        await database.fetch_value("SELECT pg_terminate_backend($1, 5000)", pid)
        await tx.execute("SELECT 1")

    for _ in range(5):
        with pytest.raises(Unavailable):
            await database.run(losing)
        assert await database.fetch_value("SELECT 1") == 1
