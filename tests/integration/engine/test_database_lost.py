"""A connection that the server has ended, seen by whoever has a transaction open on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
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


async def test_a_connection_that_was_ended_and_does_not_know_is_given_up(database_url: str) -> None:
    """Between the server's last word and the connection's end the driver refuses to work: that is `Unavailable` too.

    Such a connection is not lent again, or every statement on it would fail until its end is heard of.
    """
    async with _deaf_relay(database_url) as (url, ended):
        database = Database(url, max_size=1)
        await database.start()
        try:
            pid = await database.fetch_value("SELECT pg_backend_pid()")
            direct = await asyncpg.connect(database_url)
            await direct.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            await direct.close()
            await ended.wait()
            with pytest.raises(Unavailable):
                await database.fetch_value("SELECT 1")
            assert await database.fetch_value("SELECT pg_backend_pid()") != pid
        finally:
            await database.stop()


async def test_a_query_that_is_not_answered_in_time_is_unavailable(database_url: str) -> None:
    """A server that is silent is as one that is away: whoever waits for the database goes on when it answers again."""
    database = Database(database_url, max_size=1, command_s=0.2)
    await database.start()
    try:
        for query in (database.fetch, database.fetch_row, database.fetch_value):
            with pytest.raises(Unavailable):
                await query("SELECT pg_sleep(10)")
            assert await database.fetch_value("SELECT 1") == 1
    finally:
        await database.stop()


@contextlib.asynccontextmanager
async def _deaf_relay(database_url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Lend a URL behind which is the same database, and which does not tell a client that the server has ended."""
    host = parse_qs(urlsplit(database_url).query)["host"][0]
    port = parse_qs(urlsplit(database_url).query)["port"][0]
    ended = asyncio.Event()
    left: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        left.extend([writer, server_writer])
        onwards = asyncio.create_task(carry(reader, server_writer))
        await carry(server_reader, writer)
        # What the server said last has arrived when the client has had some turns of the loop that it shares with us.
        for _ in range(50):
            await asyncio.sleep(0)
        ended.set()
        await onwards

    relay = await asyncio.start_server(serve, "127.0.0.1", 0)
    name = urlsplit(database_url).path
    try:
        yield f"postgresql://comanda@127.0.0.1:{relay.sockets[0].getsockname()[1]}{name}?sslmode=disable", ended
    finally:
        relay.close()
        for writer in left:
            writer.close()
