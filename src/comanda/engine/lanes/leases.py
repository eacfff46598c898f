"""Leases: which worker may move which cursors.

A worker shows that it lives by a session-level advisory lock on a connection of its own; PostgreSQL takes the lock
away the moment that connection ends, so that a killed worker's shards are free at the next look (`look_s`). A worker
that hangs keeps its lock but stops renewing; when its lease ends its shards are free, and the others share them as if
it had gone. Each taking of a shard raises its fencing epoch; a commit under an older epoch is refused (`fence`).
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from datetime import datetime

import asyncpg
import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.events.log import SHARDS
from comanda.engine.events.waker import CHANNEL, TIMERS
from comanda.engine.lanes.cursors import ENSURE
from comanda.engine.lanes.shares import fair_share, not_wanted
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

LIFE_LOCK = 0x434F4D41
"""First half of the advisory lock that a living worker holds; the second is its id."""

SHORT_LOOK_S = 0.25
"""How soon a worker looks again that could not take its whole share: others may just be giving it back."""

ENSURE_LANES = """
INSERT INTO engine.lanes (name, shards) SELECT * FROM unnest($1::text[], $2::smallint[]) ON CONFLICT DO NOTHING
"""

LANES = "SELECT name, shards, paused_at IS NOT NULL AS paused FROM engine.lanes WHERE name = ANY ($1::text[])"

LEAVE = "UPDATE engine.workers SET lanes = '[]' WHERE id = $1"

SIGN = "UPDATE engine.workers SET alive_until = clock_timestamp() + make_interval(secs => $2) WHERE id = $1"

ALIVE = """
SELECT w.id, w.lanes FROM engine.workers w JOIN pg_locks l ON l.locktype = 'advisory' AND l.classid = $1::bigint::oid
AND l.objid = w.id::oid AND l.objsubid = 2 AND l.granted
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE w.alive_until > clock_timestamp()
ORDER BY w.id
"""
"""Who is connected and has renewed in time: a worker that hangs is connected, but does nothing with its share."""

CROSS_OUT = "DELETE FROM engine.workers WHERE NOT id = ANY ($1::bigint[]) AND alive_until < now() - interval '1 minute'"

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
    SELECT c.shard FROM engine.cursors c
    WHERE c.consumer = $1
    AND (c.owner IS NULL OR c.leased_until < clock_timestamp() OR NOT c.owner = ANY ($3::bigint[]))
    ORDER BY c.shard FOR UPDATE SKIP LOCKED
), whole AS (
    SELECT free.shard % l.shards AS part FROM free JOIN engine.lanes l ON l.name = $1
    GROUP BY free.shard % l.shards, l.shards HAVING count(*) = $6::int / l.shards
    ORDER BY 1 LIMIT $4
)
UPDATE engine.cursors c
SET owner = $2, epoch = c.epoch + 1, leased_until = clock_timestamp() + make_interval(secs => $5)
FROM free JOIN engine.lanes l ON l.name = $1 JOIN whole ON whole.part = free.shard % l.shards
WHERE c.consumer = $1 AND c.shard = free.shard
RETURNING c.shard, c.epoch
"""
"""Takes free shards of a lane: each is the log's shards that leave the same rest when divided by the lane's number,
and is taken whole or not at all. So when that number changes, shards are taken anew only once all who held a part of
them have finished their batches and given it back."""

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


class Leases:
    """The leases of one worker, renewed in the background.

    Args:
        lanes: the lanes whose shards this worker wants its share of, with the number each is cut into where nobody
            has said otherwise yet.
        lease_s: after what time at most a hung worker's shards are taken over.
        look_s: time between two looks at who lives and what is free; at most a fifth of the lease.
        wake: called when the log has grown or leases have changed.
        wake_timers: called when there are new timers.
        since: where those of the lanes that are new begin; see `Consumer`.
    """

    def __init__(
        self,
        database: Database,
        lanes: Mapping[str, int],
        *,
        clock: Clock,
        wake: Callable[[], None],
        wake_timers: Callable[[], None] = lambda: None,
        since: Mapping[str, datetime | None] | None = None,
        lease_s: float = 10.0,
        look_s: float = 1.0,
    ) -> None:
        self._database = database
        self._lanes = dict(lanes)
        self._consumers = tuple(lanes)
        self._since = {name: (since or {}).get(name) for name in lanes}
        self._clock = clock
        self._wake = wake
        self._wake_timers = wake_timers
        self.lease_s = lease_s
        self._look_s = min(look_s, lease_s / 5)
        # So that the others' next look, and what they do then, are within the time that was asked for.
        self._lasts_s = lease_s - 1.5 * self._look_s
        self._held: dict[str, dict[int, int]] = {name: {} for name in self._consumers}
        self._surplus: dict[str, list[int]] = {}
        self._given: set[tuple[str, int]] = set()
        self._paused: set[str] = set()
        self._leaving = False
        self._valid_until = 0.0
        self._short = False
        self._look_now = asyncio.Event()
        self._loop = Loop("leases", self._run)
        self._connection: asyncpg.Connection | None = None
        self.worker_id: int | None = None

    def held(self, consumer: str) -> dict[int, int]:
        """Return the shards that may be worked on now, with their epochs; none when the lease may have ended."""
        if self._clock.monotonic() >= self._valid_until:
            return {}
        return dict(self._held[consumer])

    def paused(self, consumer: str) -> bool:
        """Whether an operator has paused the lane."""
        return consumer in self._paused

    def valid(self) -> bool:
        """Whether this worker's leases hold for sure; to be asked before each call to the outside."""
        return self._clock.monotonic() < self._valid_until

    def lost(self, consumer: str) -> None:
        """Forget the leases of a consumer whose commit was refused, and look again soon."""
        self._held[consumer].clear()
        self._look_now.set()

    async def hand_over_surplus(self, consumer: str) -> None:
        """Give back shards beyond the fair share. Called by the lane between two batches, when none is in use."""
        held = self._held[consumer]
        shards = [shard for shard in self._surplus.pop(consumer, ()) if held.pop(shard, None) is not None]
        if not shards or self.worker_id is None:
            return
        self._given.update((consumer, shard) for shard in shards)
        async with self._database.transaction() as tx:
            await tx.execute(GIVE, consumer, self.worker_id, shards)
            await tx.execute("SELECT pg_notify($1, 'leases')", CHANNEL)

    async def leave(self) -> None:
        """Say that this worker takes nothing more, so that the others' shares grow at once."""
        self._leaving = True
        if self.worker_id is not None:
            with contextlib.suppress(Unavailable):
                async with self._database.transaction() as tx:
                    await tx.execute(LEAVE, self.worker_id)
                    await tx.execute("SELECT pg_notify($1, 'leases')", CHANNEL)

    async def give_up(self, consumer: str) -> None:
        """Hand over all shards of a lane that has ended, after `leave`."""
        self._surplus[consumer] = list(self._held[consumer])
        with contextlib.suppress(Unavailable):
            await self.hand_over_surplus(consumer)

    async def start(self) -> None:
        """Begin to look for shards. A database that does not answer yet is waited for in the background."""
        await self._loop.start()

    async def stop(self) -> None:
        """Give all shards back and end. Call it when no lane works any more."""
        self._leaving = True
        self._look_now.set()
        await self._loop.stop()
        self._valid_until = 0.0
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
            except Exception:
                # A worker whose leases ended here would live on and hold nothing, and be missed by nobody.
                log.exception("leases stumbled")
                self._forget_all()
            await wait_until_set(self._look_now, min(self._look_s, SHORT_LOOK_S) if self._short else self._look_s)

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
        await connection.execute(ENSURE_LANES, list(self._lanes), list(self._lanes.values()))
        await connection.execute(ENSURE, list(self._since), list(self._since.values()), SHARDS)
        self.worker_id = await connection.fetchval(
            "INSERT INTO engine.workers (host, pid, lanes) VALUES ($1, $2, $3) RETURNING id",
            socket.gethostname(),
            os.getpid(),
            msgspec.json.encode(self._consumers).decode(),
        )
        await connection.execute("SELECT pg_advisory_lock($1::int, $2::int)", LIFE_LOCK, self.worker_id)
        await connection.add_listener(CHANNEL, self._heard)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        if payload == TIMERS:
            self._wake_timers()
            return
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
        self._given.clear()
        if await connection.execute(SIGN, worker_id, self._lasts_s) != "UPDATE 1":
            # Silent for so long that the others have crossed this worker out: it says hello again.
            self._forget_all()
            self._look_now.set()
            return
        renewed: dict[str, dict[int, int]] = {name: {} for name in self._consumers}
        for consumer in self._consumers:
            for row in await connection.fetch(RENEW, consumer, worker_id, self._lasts_s):
                renewed[consumer][row["shard"]] = row["epoch"]
        alive = {row["id"]: msgspec.json.decode(row["lanes"]) for row in await connection.fetch(ALIVE, LIFE_LOCK)}
        settings = {row["name"]: row for row in await connection.fetch(LANES, list(self._consumers))}
        self._paused = {name for name, row in settings.items() if row["paused"]}
        changed = short = False
        for consumer in self._consumers:
            held = renewed[consumer]
            shards = settings[consumer]["shards"]
            serving = [worker for worker, lanes in alive.items() if consumer in lanes]
            share = 0 if self._leaving else fair_share(serving, worker_id, shards, consumer)
            surplus = [] if self._leaving else not_wanted(held, shards, share)
            wanted = share - (len(held) - len(surplus)) * shards // SHARDS
            if wanted > 0:
                taken = await connection.fetch(TAKE, consumer, worker_id, list(alive), wanted, self._lasts_s, SHARDS)
                held.update({row["shard"]: row["epoch"] for row in taken})
                changed = changed or bool(taken)
                short = short or len(taken) * shards // SHARDS < wanted
            if surplus:
                self._surplus[consumer] = surplus
                changed = True
            # What a lane gave back while we looked was renewed before, and is not ours any more.
            self._held[consumer] = {s: epoch for s, epoch in held.items() if (consumer, s) not in self._given}
        self._valid_until = asked_at + self._lasts_s
        self._short = short
        await connection.execute(CROSS_OUT, list(alive))
        if changed:
            self._wake()
