"""Sending a chunk: claim its recipients, send to them, write what came of it.

`claim` takes the next pending recipients of a stream, or those that are named, in one short transaction. `perform` has
no transaction open: it composes each mail as its turn comes and hands it to the post office, which journals what was
accepted. `conclude` settles the claim and lets the stream go on. An event says only that a stream may go on: one that
comes twice, because its worker died, takes the next recipients, and those of the first time are settled from the
journal (see `settler.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from math import ceil
from uuid import UUID

import msgspec
import structlog

from comanda.contexts.campaigns import claim_store as store
from comanda.contexts.campaigns import ledger_store
from comanda.contexts.campaigns.claim_store import StreamFacts, Taken
from comanda.contexts.campaigns.hands import Hands
from comanda.contexts.campaigns.pacing import PATIENCE_S, Paced, Pacing
from comanda.contexts.campaigns.quiet import allowed_on, known_zone, quiet_of, quiet_until, warm_up_of
from comanda.contexts.campaigns.recipient import Composed, Composer, Recipient
from comanda.contexts.campaigns.settlement import Settlement, Settling
from comanda.contracts.campaigns import CampaignMoved, ChunkDue
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Post, Posting

log = structlog.get_logger(__name__)

CHUNK = 500
"""Recipients of a claim, at most."""

STRIDE = 20_000
"""Recipients that a claim passes by, at most, to find pending ones: after a resumption it looks at all again."""

AWAY_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""How long streams wait when nothing could be handed over, the first time and each further one."""

BROKEN_S = 60.0
"""How long streams wait when the campaign cannot be compiled."""

NOT_ALIVE = Outcome("unsent", "this machine has not been able to say for long that it lives")

Zones = Callable[[UUID], Awaitable[str]]
"""Returns a restaurant's time zone."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was claimed.

    Attributes:
        claim: None where nobody is to be sent to now.
        until: when the event is due again, untouched: in quiet hours, or on a day when the sender has sent enough.
        left: recipients of the event that are not claimed yet, and when they are due.
    """

    event: ChunkDue
    claim: UUID | None = None
    recipients: Sequence[Recipient] = ()
    shared: bool = False
    per_s: int | None = None
    until: datetime | None = None
    left: tuple[int, ...] = ()
    left_at: datetime | None = None


class Sending:
    """Sends campaigns.

    Args:
        zones: returns a restaurant's time zone; it may be called in a transaction, so it should remember.
        alive: whether others still take this machine to be alive: else they may be about to send to those we claimed.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        ids: Ids,
        office: Post,
        composer: Composer,
        pacing: Pacing,
        settling: Settling,
        hands: Hands,
        zones: Zones,
        alive: Callable[[], bool],
        chunk: int = CHUNK,
    ) -> None:
        self._log = log
        self._clock = clock
        self._ids = ids
        self._office = office
        self._composer = composer
        self._pacing = pacing
        self._settling = settling
        self._hands = hands
        self._zones = zones
        self._alive = alive
        self._chunk = chunk
        self._away = 0

    async def claim(self, tx: Transaction, event: ChunkDue) -> Work | None:
        """Claim one chunk."""
        return (await self.claim_all(tx, [event]))[0]

    async def claim_all(self, tx: Transaction, events: Sequence[ChunkDue]) -> list[Work | None]:
        """Claim the chunks of events of different streams; None for each that is stale or has nobody left."""
        works: dict[int, Work | None] = {}
        opens = await store.open_of(tx, events)
        going = [place for place, open_ in enumerate(opens) if open_]
        over = {event.campaign for event, open_ in zip(events, opens, strict=True) if open_ == 0}
        # Campaigns are locked before streams, as resumptions lock them.
        for campaign in sorted(over):
            await self._finish(tx, campaign)
        facts = await store.lock(tx, [events[place] for place in going]) if going else []
        for place, found in sorted(zip(going, facts, strict=True), key=lambda each: _lane(events[each[0]])):
            works[place] = None if found is None else await self._claim(tx, events[place], found)
        return [works.get(place) for place in range(len(events))]

    async def perform(self, work: Work) -> Paced:
        """Send a chunk. What is under way goes on to its end even when the caller is cancelled."""
        if work.claim is None or not self._hands.begin(work.claim):
            return Paced({}, {})
        return await asyncio.shield(asyncio.create_task(self._perform(work, work.claim)))

    async def conclude(self, tx: Transaction, work: Work, paced: Paced) -> None:
        """Conclude one chunk."""
        await self.conclude_all(tx, [(work, paced)])

    async def conclude_all(self, tx: Transaction, results: Sequence[tuple[Work, Paced]]) -> None:
        """Write what became of chunks, and let their streams go on."""
        settlements = []
        for work, paced in results:
            if work.until is not None:
                await self._log.emit(tx, work.event, at=work.until)
                continue
            settlements.append(
                Settlement(
                    claim=work.claim,
                    campaign=work.event.campaign,
                    stream=work.event.stream,
                    outcomes=paced.outcomes,
                    held=paced.held,
                    due=work.event,
                    wait_s=paced.wait_s,
                    left=work.left,
                    left_at=work.left_at,
                )
            )
        if settlements:
            await self._settling.settle(tx, settlements)
        for work, _ in results:
            if work.claim is not None:
                tx.after_commit(partial(self._done, work))

    def _done(self, work: Work) -> None:
        """Let go of a claim that is settled, here and in the journal."""
        if work.claim is not None:
            self._hands.drop(work.claim)
            self._office.settled([(work.event.campaign, one.number) for one in work.recipients])

    async def _claim(self, tx: Transaction, event: ChunkDue, facts: StreamFacts) -> Work | None:
        now = self._clock.now()
        quiet = quiet_of(facts.quiet)
        if quiet is not None:
            home = known_zone(await self._zones(facts.restaurant_id))
            until = quiet_until(quiet, known_zone(facts.zone, home), now)
            if until is not None:
                return Work(event=event, until=until + timedelta(seconds=self._ids.fraction()))
        most = self._most(facts)
        plan, today = warm_up_of(facts.warm_up), now.astimezone(UTC).date()
        if plan is not None:
            most = min(most, allowed_on(plan, today) - await store.claimed_on(tx, facts.restaurant_id, today))
            if most <= 0:
                return Work(event=event, until=_tomorrow(today) + timedelta(seconds=60 * self._ids.fraction()))
        taken = await self._take(tx, event, facts, most)
        left = event.recipients[most:]
        left_at = _tomorrow(today) if plan is not None and left else now
        if event.recipients:
            store.move_on(tx, event, next_=facts.next, closed=taken.suppressed)
        else:
            store.move_on(tx, event, next_=max(facts.next, taken.upto + 1), closed=taken.suppressed)
        if taken.suppressed:
            await ledger_store.count_minute(tx, event.campaign, facts.domain, now, {"suppressed": taken.suppressed})
        if not taken.recipients:
            return Work(event=event, left=left, left_at=left_at)
        if plan is not None:
            await store.count_claimed(tx, facts.restaurant_id, today, len(taken.recipients))
        claim_id = self._ids.new()
        self._hands.take(claim_id)
        store.claim(
            tx,
            claim_id,
            event,
            machine=self._office.machine,
            journal=self._office.journal_id,
            numbers=[one.number for one in taken.recipients],
            now=now,
        )
        return Work(
            event=event,
            claim=claim_id,
            recipients=taken.recipients,
            shared=not facts.domain,
            per_s=facts.per_s,
            left=left,
            left_at=left_at,
        )

    async def _take(self, tx: Transaction, event: ChunkDue, facts: StreamFacts, most: int) -> Taken:
        variant = (facts.winner or 0) if facts.wave else None
        if event.recipients:
            return await store.take_named(tx, event.campaign, event.recipients[:most], variant=variant)
        upto = min(facts.last, facts.next + STRIDE - 1)
        return await store.take_next(tx, event.campaign, since=facts.next, upto=upto, most=most, variant=variant)

    def _most(self, facts: StreamFacts) -> int:
        """Return how many to claim: no more than get their permits while a chunk has patience for them."""
        limits = self._pacing.limits
        shares = [(limits.all, facts.going), (limits.sender, facts.going), (facts.per_s, facts.going)]
        if facts.domain:
            shares.append((limits.of_domain(facts.domain, slowed=self._pacing.slowed), facts.alike))
        fitting = [ceil(limit * PATIENCE_S * 0.6 / max(1, among)) for limit, among in shares if limit is not None]
        return max(1, min([self._chunk, *fitting]))

    async def _perform(self, work: Work, claim: UUID) -> Paced:
        paced = Paced({}, {})
        try:
            composed = await self._composer.composed(work.event.campaign)
        except Refused as error:
            log.warning("campaign cannot be compiled", campaign=work.event.campaign, why=error.message)
            paced.wait_s = BROKEN_S
        else:
            paced = await self._pacing.send(
                work.recipients,
                sender=composed.sender_key,
                per_s=work.per_s,
                shared=work.shared,
                waited=bool(work.event.recipients),
                send=lambda some: self._send(composed, some),
            )
            await self._heed(work, paced)
        self._hands.end(claim, paced.outcomes)
        return paced

    async def _send(self, composed: Composed, recipients: Sequence[Recipient]) -> Mapping[int, Outcome]:
        if not self._alive():
            return dict.fromkeys((one.number for one in recipients), NOT_ALIVE)
        postings = [
            Posting(
                campaign=one.campaign,
                recipient=one.number,
                sender=composed.envelope_sender(one),
                to=one.email,
                build=partial(composed.build, one),
            )
            for one in recipients
        ]
        outcomes = await self._office.post(postings)
        return {one.number: outcomes[one.campaign, one.number] for one in recipients}

    async def _heed(self, work: Work, paced: Paced) -> None:
        """Slow down where servers ask for it, and wait for one that is away."""
        kinds = {outcome.kind for outcome in paced.outcomes.values()}
        if kinds == {"unsent"}:
            longest = AWAY_S[min(self._away, len(AWAY_S) - 1)]
            self._away += 1
            paced.wait_s = max(paced.wait_s, longest * (0.5 + self._ids.fraction() / 2))
        elif kinds:
            self._away = 0
        if "refused_for_now" in kinds:
            of = {one.number: one.email.rpartition("@")[2].lower() for one in work.recipients}
            slow = {of[number] for number, outcome in paced.outcomes.items() if _asks_to_slow_down(outcome)}
            for domain in sorted(slow):
                await self._pacing.slow_down(domain)

    async def _finish(self, tx: Transaction, campaign: int) -> None:
        restaurant_id = await ledger_store.finish(tx, campaign, self._clock.now())
        if restaurant_id is not None:
            log.info("campaign finished", campaign=campaign)
            await self._log.emit(tx, CampaignMoved(campaign=campaign, restaurant_id=restaurant_id, state="finished"))


def _lane(event: ChunkDue) -> tuple[int, int]:
    return event.campaign, event.stream


def _tomorrow(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _asks_to_slow_down(outcome: Outcome) -> bool:
    """Whether a server wants less of us: not where it is about one mailbox (4.2.x), such as a full one."""
    return outcome.kind == "refused_for_now" and not (outcome.enhanced or "").startswith("4.2.")
