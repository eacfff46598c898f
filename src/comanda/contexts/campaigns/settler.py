"""The settler: settles the claims of processes that are gone, by what their journals know.

Each process that sends has one. It says every `BEAT_S` that its machine lives; looks for claims of this machine whose
process is dead, and for claims of this process that its lanes let go of; and gives machines up that have not been heard
of for `lost_after_s`: what they had in flight is uncertain then. A machine that cannot say for a third of that time
that it lives stops sending, so that it has stopped long before it is given up. Two settlers at one claim: one wins.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from comanda.contexts.campaigns.hands import Hands
from comanda.contexts.campaigns.settlement import Settlement, Settling
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.service import Loop, wait_until_set
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Absent, Post

log = structlog.get_logger(__name__)

LOOK_S = 1.0
BEAT_S = 5.0

MOST = 100
"""Claims that one look settles of a kind, at most."""

BEAT = """
INSERT INTO campaigns.machines (machine, seen_at) VALUES ($1, clock_timestamp())
ON CONFLICT (machine) DO UPDATE SET seen_at = excluded.seen_at
"""

OURS = """
SELECT id, campaign, stream, journal, recipients FROM campaigns.claims
WHERE machine = $1 AND journal <> $2 ORDER BY journal, id LIMIT $3
"""

BY_ID = "SELECT id, campaign, stream FROM campaigns.claims WHERE id = ANY ($1::uuid[])"

OF_LOST = """
SELECT c.id, c.campaign, c.stream FROM campaigns.claims c LEFT JOIN campaigns.machines m ON m.machine = c.machine
WHERE c.lost_at IS NULL AND c.machine <> $1
AND coalesce(greatest(m.seen_at, c.claimed_at), c.claimed_at) < clock_timestamp() - make_interval(secs => $2)
ORDER BY c.id LIMIT $3
"""


FORGET_AFTER_S = 120.0
"""How long a dead process's journal is kept after its last claim was settled: a commit that it had sent off in its last
moment may still come through."""


class Settler:
    """Settles what nobody else will. A service.

    Args:
        lost_after_s: how long a machine may be silent until what it had in flight counts as uncertain.
    """

    def __init__(
        self,
        *,
        database: Database,
        settling: Settling,
        office: Post,
        hands: Hands,
        clock: Clock,
        lost_after_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._settling = settling
        self._office = office
        self._hands = hands
        self._clock = clock
        self._lost_after_s = lost_after_s
        self._look_s = look_s
        self._beat_at: float | None = None
        self._dead: dict[str, float] = {}
        self._loop = Loop("campaign settler", self._run)

    async def start(self) -> None:
        """Say that this machine lives, and begin to look."""
        await self._loop.start()

    async def stop(self) -> None:
        """Finish the look under way and end."""
        await self._loop.stop()

    def alive(self) -> bool:
        """Whether others surely take this machine to be alive, by a monotonic clock."""
        return self._beat_at is not None and self._clock.monotonic() - self._beat_at < self._lost_after_s / 3

    async def look(self) -> int:
        """Look once, and settle what is found; return how many claims that were."""
        await self._beat()
        return await self._settle_left() + await self._settle_dead() + await self._give_up_lost()

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.look()
            except Unavailable as error:
                log.warning("settler waits for the database", reason=str(error))
            except Exception:
                # A settler that ended here would be missed only by those who are never mailed.
                log.exception("settler stumbled")
            await wait_until_set(stopping, self._look_s)

    async def _beat(self) -> None:
        now = self._clock.monotonic()
        if self._beat_at is None or now - self._beat_at >= min(BEAT_S, self._lost_after_s / 10):
            await self._database.fetch(BEAT, self._office.machine)
            self._beat_at = now

    async def _settle_left(self) -> int:
        """Settle claims of this process that its lanes have let go of."""
        left = self._hands.left()
        if not left:
            return 0
        rows = await self._database.fetch(BY_ID, list(left))
        for row in rows:
            await self._settle(row, left[row["id"]])
            self._office.settled([(row["campaign"], number) for number in row["recipients"]])
        for claim in left:
            self._hands.drop(claim)
        return len(rows)

    async def _settle_dead(self) -> int:
        """Settle claims of this machine whose process is dead."""
        by_journal: dict[str, list[Any]] = defaultdict(list)
        for row in await self._database.fetch(OURS, self._office.machine, self._office.journal_id, MOST):
            by_journal[row["journal"]].append(row)
        count = 0
        for journal, rows in by_journal.items():
            keys = [(row["campaign"], number) for row in rows for number in row["recipients"]]
            fates = await self._office.fates(journal, keys)
            if fates is Absent.UNKNOWN:
                await self._give_up([(row["id"], row["campaign"], row["stream"]) for row in rows])
                continue
            if isinstance(fates, Absent):
                continue
            for row in rows:
                known = {number: fates.get((row["campaign"], number)) for number in row["recipients"]}
                await self._settle(row, {number: fate for number, fate in known.items() if fate is not None})
            log.info("settled what a dead process had in hand", journal=journal, claims=len(rows))
            self._dead[journal] = self._clock.monotonic()
            count += len(rows)
        await self._forget_dead()
        return count

    async def _forget_dead(self) -> None:
        """Remove the journals of dead processes once no claim of theirs can turn up any more."""
        for journal, at in list(self._dead.items()):
            if self._clock.monotonic() - at >= FORGET_AFTER_S:
                del self._dead[journal]
                await self._office.forget(journal)

    async def _give_up_lost(self) -> int:
        """Give up what machines had in flight that have not been heard of for long."""
        rows = await self._database.fetch(OF_LOST, self._office.machine, self._lost_after_s, MOST)
        if not rows:
            return 0
        await self._give_up([(row["id"], row["campaign"], row["stream"]) for row in rows])
        return len(rows)

    async def _give_up(self, claims: Sequence[tuple[UUID, int, int]]) -> None:
        uncertain = await self._database.run(lambda tx: self._settling.give_up(tx, claims))
        if uncertain:
            log.warning("what was in flight is lost", claims=len(claims), uncertain=uncertain)

    async def _settle(self, row: Any, outcomes: Mapping[int, Outcome]) -> None:
        settlement = Settlement(claim=row["id"], campaign=row["campaign"], stream=row["stream"], outcomes=outcomes)
        await self._database.run(lambda tx: self._settling.settle(tx, [settlement]))
