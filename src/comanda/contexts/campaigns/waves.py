"""Waves: letting a frozen campaign's streams go, at the start, after a pause, and when an A/B test has a winner."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.quiet import zone_start
from comanda.contexts.campaigns.sending import Zones
from comanda.contracts.campaigns import ChunkDue, WinnerDue
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.events import EventLog

FACTS = """
SELECT number, restaurant_id, epoch, sends_at, by_zone, winner, split IS NOT NULL AS is_split,
    coalesce(started_at, clock_timestamp()) AS started_at, (split ->> 'after_s')::float AS after_s
FROM campaigns.campaigns WHERE number = $1
"""

STREAMS = "SELECT stream, zone FROM campaigns.streams WHERE campaign = $1 AND wave = ANY ($2::int[]) ORDER BY stream"

LOCK = "SELECT FROM campaigns.streams WHERE campaign = $1 ORDER BY stream FOR NO KEY UPDATE"

GO_BACK = "UPDATE campaigns.streams SET next = first WHERE campaign = $1 AND open > 0"
"""Who is pending behind `next` had a time at which to be tried again, under an epoch that is over. So chunks look at
all once more; they pass those who are not pending by, thousands at a time."""


class WaveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about when streams go."""

    number: int
    restaurant_id: UUID
    epoch: int
    sends_at: datetime | None
    by_zone: bool
    winner: int | None
    is_split: bool
    started_at: datetime
    after_s: float | None


class Waves:
    """Lets streams go. The caller holds the campaign's lock, and has written its state and epoch."""

    def __init__(self, *, log: EventLog, clock: Clock, zones: Zones) -> None:
        self._log = log
        self._clock = clock
        self._zones = zones

    async def start(self, tx: Transaction, campaign: int) -> None:
        """Let a campaign go whose ledger is complete; where it has an A/B test, set the hour of its winner."""
        facts = await self._facts(tx, campaign)
        waits = facts.is_split and facts.winner is None
        begins = await self._go(tx, facts, [0] if waits else [0, 1])
        if waits:
            due = WinnerDue(campaign=campaign, epoch=facts.epoch)
            await self._log.emit(tx, due, at=begins + timedelta(seconds=facts.after_s or 0.0))

    async def start_wave(self, tx: Transaction, campaign: int, wave: int) -> None:
        """Let the streams of one wave go: of wave 1, when the winner is written."""
        await self._go(tx, await self._facts(tx, campaign), [wave])

    async def resume(self, tx: Transaction, campaign: int) -> None:
        """Let a campaign go on that was paused while sending: everybody who is pending is reached again, once."""
        await tx.fetch(LOCK, campaign)
        await tx.execute(GO_BACK, campaign)
        await self.start(tx, campaign)

    async def _go(self, tx: Transaction, facts: WaveFacts, waves: Sequence[int]) -> datetime:
        """Emit each stream's first event at its hour; return when the last of these hours was or will be."""
        now = self._clock.now()
        home = await self._zones(facts.restaurant_id) if facts.by_zone else ""
        by_hour: dict[datetime, list[ChunkDue]] = defaultdict(list)
        for row in await tx.fetch(STREAMS, facts.number, waves):
            hour = facts.started_at
            if facts.by_zone and facts.sends_at is not None:
                hour = max(hour, zone_start(facts.sends_at, home, row["zone"]))
            by_hour[hour].append(
                ChunkDue(
                    lane=f"{facts.number}:{row['stream']}",
                    campaign=facts.number,
                    stream=row["stream"],
                    epoch=facts.epoch,
                )
            )
        for hour, events in by_hour.items():
            await self._log.emit_all(tx, events, at=hour if hour > now else None)
        return max(by_hour, default=facts.started_at)

    async def _facts(self, tx: Transaction, campaign: int) -> WaveFacts:
        row = await tx.fetch_row(FACTS, campaign)
        if row is None:
            raise LookupError(f"There is no campaign {campaign}.")
        return WaveFacts(**row)
