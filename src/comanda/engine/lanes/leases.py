"""Leases: which worker may move which cursors.

A worker shows that it lives by a session-level advisory lock on a connection of its own; PostgreSQL takes the lock
away the moment that connection ends, so that a killed worker's shards are free at the next look (`look_s`). A worker
that hangs keeps its lock but stops renewing, and its shards are free when the lease ends. Each taking of a shard
raises its fencing epoch; a commit under an older epoch is refused (`fence`).
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Sequence

import asyncpg
import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.events.log import SHARDS
from comanda.engine.events.waker import CHANNEL
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

LIFE_LOCK = 0x434F4D41
"""First half of the advisory lock that a living worker holds; the second is its id."""

ENSURE = """
INSERT INTO engine.cursors (consumer, shard)
SELECT c, s FROM unnest($1::text[]) c CROSS JOIN generate_series(0, $2::int - 1) s
ON CONFLICT DO NOTHING
"""

ALIVE = """
SELECT w.id, w.lanes FROM engine.workers w JOIN pg_locks l ON l.locktype = 'advisory' AND l.classid = $1::bigint::oid
AND l.objid = w.id::oid AND l.objsubid = 2 AND l.granted
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY w.id
"""

RENEW = """
WITH mine AS (
    SELECT shard FROM engine.cursors WHERE consumer = $1 AND owner = $2 ORDER BY shard FOR NO KEY UPDATE
)
UPDATE engine.cursors c SET leased_until = clock_timestamp() + make_interval(secs => $3)
FROM mine WHERE c.consumer = $1 AND c.shard = mine.shard
RETURNING c.shard, c.epoch
"""
"""One consumer's cursors at a time, locked by shard as the lane locks them: a renewal that waits for one lane's
transaction holds up no other lane, and the two never wait for each other in a circle."""

TAKE = """
WITH free AS (
    SELECT consumer, shard FROM engine.cursors
    WHERE consumer = $1 AND (owner IS NULL OR leased_until < clock_timestamp() OR NOT owner = ANY ($3::bigint[]))
    ORDER BY shard LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE engine.cursors c
SET owner = $2, epoch = c.epoch + 1, leased_until = clock_timestamp() + make_interval(secs => $5)
FROM free WHERE c.consumer = free.consumer AND c.shard = free.shard
RETURNING c.shard, c.epoch
"""

GIVE = """
WITH given AS (
    SELECT shard FROM engine.cursors WHERE consumer = $1 AND owner = $2 AND shard = ANY ($3::smallint[])
    ORDER BY shard FOR NO KEY UPDATE
)
UPDATE engine.cursors c SET owner = NULL, leased_until = NULL
FROM given WHERE c.consumer = $1 AND c.shard = given.shard
"""

GIVE_ALL = "UPDATE engine.cursors SET owner = NULL, leased_until = NULL WHERE owner = $1"

FENCE = """
SELECT c.shard FROM engine.cursors c JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch)
ON c.shard = held.shard AND c.epoch = held.epoch WHERE c.consumer = $1 ORDER BY c.shard FOR SHARE OF c
"""


async def fence(tx: Transaction, consumer: str, held: dict[int, int]) -> None:
    """Lock the cursors of `held` (shard: epoch) against a taking until `tx` ends; raise `Fenced` if one was taken."""
    rows = await tx.fetch(FENCE, consumer, list(held), list(held.values()))
    if len(rows) != len(held):
        raise Fenced(f"{consumer}: another worker has taken over.")


def fair_share(workers: Sequence[int], me: int, shards: int) -> int:
    """Return how many of `shards` the worker `me` should hold when all of `workers` (sorted) serve a lane."""
    if me not in workers:
        return 0
    least, rest = divmod(shards, len(workers))
    return least + (1 if workers.index(me) < rest else 0)


class Leases:
    """The leases of one worker, renewed in the background.

    Args:
        consumers: names of the consumers whose shards this worker wants its share of.
        lease_s: how long a lease lasts without renewal; it bounds how long a hung worker holds work up.
        look_s: time between two looks at who lives and what is free.
        wake: called when the log has grown or leases have changed.
    """

    def __init__(
        self,
        database: Database,
        consumers: Iterable[str],
        *,
        clock: Clock,
        wake: Callable[[], None],
        lease_s: float = 10.0,
        look_s: float = 1.0,
    ) -> None:
        self._database = database
        self._consumers = tuple(consumers)
        self._clock = clock
        self._wake = wake
        self._lease_s = lease_s
        self._look_s = look_s
        self._held: dict[str, dict[int, int]] = {name: {} for name in self._consumers}
        self._surplus: dict[str, int] = {}
        self._valid_until = 0.0
        self._look_now = asyncio.Event()
        self._loop = Loop("leases", self._run)
        self._connection: asyncpg.Connection | None = None
        self.worker_id: int | None = None

    def held(self, consumer: str) -> dict[int, int]:
        """Return the shards that may be worked on now, with their epochs; none when the lease may have ended."""
        if self._clock.monotonic() >= self._valid_until:
            return {}
        return dict(self._held[consumer])

    def valid(self) -> bool:
        """Whether this worker's leases hold for sure; to be asked before each call to the outside."""
        return self._clock.monotonic() < self._valid_until

    def lost(self, consumer: str) -> None:
        """Forget the leases of a consumer whose commit was refused, and look again soon."""
        self._held[consumer].clear()
        self._look_now.set()

    async def hand_over_surplus(self, consumer: str) -> None:
        """Give back shards beyond the fair share. Called by the lane between two batches, when none is in use."""
        count = self._surplus.pop(consumer, 0)
        held = self._held[consumer]
        if count <= 0 or not held or self.worker_id is None:
            return
        shards = sorted(held)[-count:]
        for shard in shards:
            held.pop(shard)
        async with self._database.transaction() as tx:
            await tx.execute(GIVE, consumer, self.worker_id, shards)
            await tx.execute("SELECT pg_notify($1, 'leases')", CHANNEL)

    async def start(self) -> None:
        """Begin to look for shards. A database that does not answer yet is waited for in the background."""
        await self._loop.start()

    async def stop(self) -> None:
        """Give all shards back and end. Call it when no lane works any more."""
        self._look_now.set()
        await self._loop.stop()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.execute(GIVE_ALL, self.worker_id, timeout=1.0)
            await connection.execute("DELETE FROM engine.workers WHERE id = $1", self.worker_id, timeout=1.0)
            await connection.execute(f"NOTIFY {CHANNEL}, 'leases'", timeout=1.0)
            await connection.close(timeout=1.0)
        except UNREACHABLE as error:
            log.warning("leases not handed over; others take them as this connection ends", error=str(error))
            connection.terminate()

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self._look_now.clear()
            try:
                if self._connection is None or self._connection.is_closed():
                    await self._say_hello()
                await self._look()
            except (*UNREACHABLE, asyncpg.PostgresError, Unavailable) as error:
                log.warning("leases could not be looked at", error=str(error))
                self._forget_all()
            await wait_until_set(self._look_now, self._look_s)

    def _forget_all(self) -> None:
        self._valid_until = 0.0
        for held in self._held.values():
            held.clear()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _say_hello(self) -> None:
        self._forget_all()
        connection = await self._database.connect()
        self._connection = connection
        await connection.execute(ENSURE, list(self._consumers), SHARDS)
        self.worker_id = await connection.fetchval(
            "INSERT INTO engine.workers (host, pid, lanes) VALUES ($1, $2, $3) RETURNING id",
            socket.gethostname(),
            os.getpid(),
            msgspec.json.encode(self._consumers).decode(),
        )
        await connection.execute("SELECT pg_advisory_lock($1::int, $2::int)", LIFE_LOCK, self.worker_id)
        await connection.add_listener(CHANNEL, self._heard)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        if payload == "leases":
            self._look_now.set()
        self._wake()

    async def _look(self) -> None:
        connection = self._connection
        worker_id = self.worker_id
        if connection is None or worker_id is None:
            return
        # The lease counts from before the question, so that we never believe in it longer than the database does.
        asked_at = self._clock.monotonic()
        renewed: dict[str, dict[int, int]] = {name: {} for name in self._consumers}
        for consumer in self._consumers:
            for row in await connection.fetch(RENEW, consumer, worker_id, self._lease_s):
                renewed[consumer][row["shard"]] = row["epoch"]
        alive = {row["id"]: msgspec.json.decode(row["lanes"]) for row in await connection.fetch(ALIVE, LIFE_LOCK)}
        changed = False
        for consumer in self._consumers:
            held = renewed[consumer]
            serving = [worker for worker, lanes in alive.items() if consumer in lanes]
            share = fair_share(serving, worker_id, SHARDS)
            if len(held) < share:
                taken = await connection.fetch(TAKE, consumer, worker_id, list(alive), share - len(held), self._lease_s)
                held.update({row["shard"]: row["epoch"] for row in taken})
                changed = changed or bool(taken)
            elif len(held) > share:
                self._surplus[consumer] = len(held) - share
                changed = True
            self._held[consumer] = held
        self._valid_until = asked_at + self._lease_s
        await connection.execute(
            "DELETE FROM engine.workers WHERE NOT id = ANY ($1::bigint[]) AND started_at < now() - interval '1 minute'",
            list(alive),
        )
        if changed:
            self._wake()
