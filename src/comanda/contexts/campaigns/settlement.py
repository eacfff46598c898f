"""Settling a claim: what became of its recipients, written once, and who is to be tried again.

Whoever settles takes the claim's row away in the same transaction, so that of two who settle one claim the second
writes nothing. The stream's lock is held from before the campaign's epoch is read until the commit: a resumption either
finds these recipients pending, or its epoch is the one under which they are tried again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from comanda.contexts.campaigns import ledger_store as store
from comanda.contexts.campaigns.ledger_store import CampaignFacts, TakenClaim, Written
from comanda.contexts.campaigns.states import Delivery
from comanda.contracts.campaigns import ChunkDue
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids
from comanda.mail.pipeline import Outcome

NAMED = 500
"""Recipients that one event names, at most."""

UNSENT = Outcome("unsent", "it was not handed over")


class Trying(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when a recipient is tried again whom the server does not want now.

    With the defaults the tries of one recipient spread over about two days.

    Attributes:
        first_s: the wait after the first try, which doubles with each.
        most_s: the longest one. Each is between half of itself and all, by chance.
        limit: tries in all.
        soon_s: the wait of those whose mail was not handed over, and of those that are sent again without knowing.
    """

    first_s: float = 60.0
    most_s: float = 4 * 3600.0
    limit: int = 20
    soon_s: float = 1.0

    def wait_s(self, tries: int, fraction: float) -> float:
        """Return how long to wait after `tries` tries."""
        return min(self.most_s, self.first_s * 2.0 ** min(tries - 1, 30)) * (0.5 + fraction / 2)


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a claim.

    Attributes:
        claim: its id; None where there was nobody to send to.
        outcomes: by recipient; who is missing was not handed over.
        held: who waits for a limit of its domain, and for how many seconds.
        due: the event that is concluded with it: its stream goes on then. None where somebody else settles.
        wait_s: how long the stream waits before it goes on.
        left: recipients of the event that were not even claimed, and when they are due.
    """

    claim: UUID | None
    campaign: int
    stream: int
    outcomes: Mapping[int, Outcome] = {}
    held: Mapping[int, float] = {}
    due: ChunkDue | None = None
    wait_s: float = 0.0
    left: tuple[int, ...] = ()
    left_at: datetime | None = None


class _Plan(msgspec.Struct):
    """What is to be written of one claim, and who is to be tried again when."""

    sent: list[int] = []
    others: list[Written] = []
    ways: Counter[str] = msgspec.field(default_factory=Counter)
    again: dict[float, list[int]] = msgspec.field(default_factory=lambda: defaultdict(list))
    back_to: int | None = None
    put_back: int = 0


class Settling:
    """Writes what became of claims."""

    def __init__(self, *, log: EventLog, clock: Clock, ids: Ids, trying: Trying | None = None) -> None:
        self._log = log
        self._clock = clock
        self._ids = ids
        self._trying = trying or Trying()

    async def settle(self, tx: Transaction, settlements: Sequence[Settlement]) -> int:
        """Write what became of claims, and let streams go on; return how many claims were there to be settled."""
        in_order = sorted(settlements, key=lambda each: (each.campaign, each.stream))
        # Claims that are nobody's lock their streams all the same: where they go on is read under that lock.
        known = [(each.claim or _NOBODY, each.campaign, each.stream) for each in in_order]
        taken = await store.take_claims(tx, known)
        await self._write(tx, in_order, taken)
        return len(taken)

    async def give_up(self, tx: Transaction, claims: Sequence[tuple[UUID, int, int]]) -> int:
        """Treat claims (id, campaign, stream) of a lost machine as uncertain; return how many recipients that were."""
        now = self._clock.now()
        in_order = sorted(claims, key=lambda claim: claim[1:])
        taken = await store.take_claims(tx, in_order, lost_at=now)
        lost = Outcome("uncertain", "the machine that was sending was lost")
        settlements = [
            Settlement(claim=id_, campaign=campaign, stream=stream, outcomes=dict.fromkeys(taken[id_].recipients, lost))
            for id_, campaign, stream in in_order
            if id_ in taken
        ]
        await self._write(tx, settlements, taken)
        return sum(len(claim.recipients) for claim in taken.values())

    async def _write(
        self, tx: Transaction, settlements: Sequence[Settlement], taken: Mapping[UUID, TakenClaim]
    ) -> None:
        campaigns = await store.campaigns(tx, sorted({each.campaign for each in settlements}))
        for each in settlements:
            campaign = campaigns.get(each.campaign)
            if campaign is not None:
                claim = taken.get(each.claim) if each.claim is not None else None
                await self._write_one(tx, each, claim, campaign)

    async def _write_one(
        self, tx: Transaction, each: Settlement, claim: TakenClaim | None, campaign: CampaignFacts
    ) -> None:
        now = self._clock.now()
        plan = _Plan(sent=[], others=[])
        closed = 0
        if claim is not None and claim.lost:
            accepted = [number for number, outcome in each.outcomes.items() if outcome.kind == "accepted"]
            closed = await store.write_known_late(tx, each.campaign, sorted(accepted))
        elif claim is not None:
            plan = await self._planned(tx, each, claim, campaign)
            await store.write_sent(tx, each.campaign, plan.sent)
            await store.write_others(tx, each.campaign, plan.others, now)
            closed = len(plan.sent) + sum(other.state != Delivery.PENDING for other in plan.others)
            await store.count_minute(tx, each.campaign, claim.domain, now, plan.ways)
            if campaign.warming and plan.put_back:
                day = claim.claimed_at.astimezone(UTC).date()
                await store.give_back(tx, campaign.restaurant_id, day, plan.put_back)
        more, open_ = await store.close(tx, each.campaign, each.stream, closed=closed, back_to=plan.back_to)
        if campaign.state == "sending":
            await self._go_on(tx, each, plan, campaign, more=more, done=open_ == 0)

    async def _planned(self, tx: Transaction, each: Settlement, claim: TakenClaim, campaign: CampaignFacts) -> _Plan:
        plan = _Plan(sent=[], others=[])
        outcomes = {number: each.outcomes.get(number, UNSENT) for number in claim.recipients}
        doubtful = [number for number, outcome in outcomes.items() if outcome.kind in _TRIED]
        tries = await store.tries(tx, each.campaign, doubtful) if doubtful else {}
        steps_back = each.due is not None and not each.due.recipients
        for number, outcome in outcomes.items():
            if outcome.kind == "accepted":
                plan.sent.append(number)
                plan.ways["sent"] += 1
            elif outcome.kind == "unsent":
                plan.others.append(Written(recipient=number, state=Delivery.PENDING, tried=0))
                plan.put_back += 1
                if number in each.held:
                    plan.again[float(round(each.held[number] + 0.5))].append(number)
                elif steps_back:
                    plan.back_to = number if plan.back_to is None else min(plan.back_to, number)
                else:
                    plan.again[max(each.wait_s, self._trying.soon_s)].append(number)
            else:
                self._refused(plan, number, outcome, tries.get(number, 0) + 1, campaign)
        return plan

    def _refused(self, plan: _Plan, number: int, outcome: Outcome, tried: int, campaign: CampaignFacts) -> None:
        """Plan what becomes of somebody who was refused, or of whom nobody can know."""
        over = tried >= self._trying.limit
        kind: str = outcome.kind
        if outcome.kind == "refused_for_now":
            state, way = (Delivery.FAILED, "failed") if over else (Delivery.PENDING, "deferred")
            wait_s = self._trying.wait_s(tried, self._ids.fraction())
        elif outcome.kind == "uncertain":
            again = campaign.policy == "at_least_once" and campaign.state in {"sending", "paused"} and not over
            state, way = (Delivery.PENDING if again else Delivery.UNCERTAIN), "uncertain"
            wait_s = self._trying.soon_s
        else:
            state, way, wait_s = Delivery.FAILED, "failed", 0.0
        plan.others.append(
            Written(
                recipient=number,
                state=state,
                tried=1,
                kind=kind,
                code=outcome.code,
                enhanced=outcome.enhanced,
                words=outcome.text,
            )
        )
        plan.ways[way] += 1
        if state == Delivery.PENDING:
            # Waits are told apart by tries alone, so that those of one chunk come back together.
            plan.again[next((w for w in plan.again if way == "deferred" and _near(w, wait_s)), wait_s)].append(number)

    async def _go_on(
        self, tx: Transaction, each: Settlement, plan: _Plan, campaign: CampaignFacts, *, more: bool, done: bool
    ) -> None:
        """Emit what is to come: recipients that are tried again, and the stream's next chunk."""
        now = self._clock.now()

        def due(recipients: Iterable[int] = ()) -> ChunkDue:
            return ChunkDue(
                lane=f"{each.campaign}:{each.stream}",
                campaign=each.campaign,
                stream=each.stream,
                epoch=campaign.epoch,
                recipients=tuple(recipients),
            )

        for wait_s, numbers in sorted(plan.again.items()):
            events = [due(sorted(numbers)[place : place + NAMED]) for place in range(0, len(numbers), NAMED)]
            await self._log.emit_all(tx, events, at=now + timedelta(seconds=wait_s))
        if each.left:
            await self._log.emit(tx, due(each.left), at=each.left_at)
        chained = each.due is not None and not each.due.recipients and each.due.epoch == campaign.epoch
        if done or (chained and more):
            at = now + timedelta(seconds=each.wait_s) if each.wait_s > 0 and not done else None
            await self._log.emit(tx, due(), at=at)


_TRIED = frozenset({"refused_for_now", "refused_for_good", "uncertain"})

_NOBODY = UUID(int=0)


def _near(one: float, other: float) -> bool:
    """Whether two waits are so alike that nobody would tell them apart: of one doubling."""
    return one / 2 < other < one * 2
