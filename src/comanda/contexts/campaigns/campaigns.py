"""The life of campaigns: written, scheduled, started, paused, resumed, cancelled.

Each command locks the campaign's row, looks at the table of moves, and writes state, epoch and events in one
transaction. The same command twice is one command: who pauses what is paused already gets it as it stands. Every start,
pause, resumption and cancellation raises the epoch, by which all work begun before knows that it is stale.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.campaigns import campaign_store as store
from comanda.contexts.campaigns.campaign_ports import AudienceReader, Compiler
from comanda.contexts.campaigns.campaign_store import CampaignRow, Written
from comanda.contexts.campaigns.document import document_of
from comanda.contexts.campaigns.drafting import Draft, gaps_in, refused, written_of
from comanda.contexts.campaigns.schedule import MOST_AHEAD, begin_of, moment_of
from comanda.contexts.campaigns.states import MOVES, State
from comanda.contracts.campaigns import CampaignMoved, CouponsOffered, FreezeDue, StartDue
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused, RetryLater
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids

GoOn = Callable[[Transaction, CampaignRow], Awaitable[None]]
"""Makes a frozen campaign's mails go out again, under its new epoch."""

STARTED: frozenset[State] = frozenset({"freezing", "sending", "finished"})
"""States in which a campaign has been started, and starting it again is nothing new."""

MOST_LISTED = 100


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign that can start: in which version, to whom, and with which links."""

    version: int
    conditions: dict[str, Any]
    links: dict[int, str]
    people: int


class Campaigns:
    """The campaigns of all restaurants.

    Args:
        go_on: what makes a frozen campaign go on after a pause.
    """

    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        clock: Clock,
        ids: Ids,
        audiences: AudienceReader,
        compiler: Compiler,
        go_on: GoOn,
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._ids = ids
        self._audiences = audiences
        self._compiler = compiler
        self._go_on = go_on

    async def all_of(self, restaurant_id: UUID, *, before: int | None = None, most: int = 50) -> list[CampaignRow]:
        """Return a restaurant's campaigns, newest first; `before` is the number where the last page ended."""
        return await store.listed(self._database, restaurant_id, before=before, most=min(most, MOST_LISTED))

    async def one(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Return a campaign; raises `Refused` (not found)."""
        return _there(await store.one(self._database, number, restaurant_id))

    async def create(self, restaurant_id: UUID, draft: Draft) -> CampaignRow:
        """Keep a new draft; raises `Refused` (invalid) with the place of every fault."""
        written = await self._checked(restaurant_id, draft)
        id_, now = self._ids.new(), self._clock.now()
        return await self._database.run(
            lambda tx: store.insert(tx, id_=id_, restaurant_id=restaurant_id, written=written, now=now)
        )

    async def edit(self, restaurant_id: UUID, number: int, draft: Draft, *, version: int) -> CampaignRow:
        """Change a draft or a scheduled campaign that its author saw in `version`.

        Raises `Refused`: invalid; conflict, when somebody else has changed it meanwhile (with the `version` it has
        now), or when it has been started.
        """
        written = await self._checked(restaurant_id, draft)

        async def change(tx: Transaction) -> CampaignRow:
            row = _there(await store.lock(tx, number, restaurant_id))
            if row.state not in {"draft", "scheduled"}:
                raise _conflict(row, f"It is {row.state}, and what is written stays as it is.")
            if row.version != version:
                raise _conflict(row, "Somebody else has changed this campaign meanwhile.", code="campaign-changed")
            if row.state == "scheduled" and (gaps := gaps_in(written)):
                raise refused(gaps)
            return await store.write(tx, number, written, self._clock.now())

        return await self._database.run(change)

    async def copy(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Keep a new draft of what is written in a campaign, whatever its state."""
        row = await self.one(restaurant_id, number)
        written = Written(
            name=f"{row.name[:112]} (copy)",
            policy=row.policy,
            audience_id=row.audience_id,
            conditions=None if row.audience_id is not None else row.conditions,
            document=row.document,
            split=row.split,
        )
        id_, now = self._ids.new(), self._clock.now()
        return await self._database.run(
            lambda tx: store.insert(tx, id_=id_, restaurant_id=restaurant_id, written=written, now=now)
        )

    async def schedule(self, restaurant_id: UUID, number: int, at: datetime, *, by_zone: bool = False) -> CampaignRow:
        """Have a campaign start at a time, or at another than it was scheduled for.

        Args:
            restaurant_id: whose it is.
            number: the campaign's.
            at: without a zone it is the restaurant's.
            by_zone: each recipient gets it when their own clock shows the time that the restaurant's shows at `at`.
        """
        row = await self.one(restaurant_id, number)
        home = await self._compiler.zone(restaurant_id)
        sends_at = moment_of(at, home)
        if not self._clock.now() < sends_at <= self._clock.now() + MOST_AHEAD:
            raise refused([FieldError("at", "Please choose a time in the next twelve months.")])
        if row.state == "draft":
            await self.ready(row)

        async def change(tx: Transaction) -> CampaignRow:
            now = _there(await store.lock(tx, number, restaurant_id))
            if now.state == "scheduled" and (now.sends_at, now.by_zone) == (sends_at, by_zone):
                return now
            if now.state not in {"draft", "scheduled"}:
                raise _conflict(now, f"It is {now.state}, and can no longer be scheduled.")
            if now.version != row.version:
                raise _conflict(now, "Somebody else has changed this campaign meanwhile.", code="campaign-changed")
            begins = begin_of(sends_at, home, await store.zones(tx, restaurant_id)) if by_zone else sends_at
            moved = await self._move(tx, now, "scheduled", sends_at=sends_at, by_zone=by_zone)
            await self._log.emit(tx, StartDue(campaign=number, epoch=moved.epoch), at=begins)
            return moved

        return await self._database.run(change)

    async def unschedule(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Make a scheduled campaign a draft again."""
        return await self._command(restaurant_id, number, "draft", sends_at=None, by_zone=False)

    async def start(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Start a campaign now. Raises `Refused` (invalid) where it lacks something, with places."""
        row = await self.one(restaurant_id, number)
        if row.state in STARTED:
            return row
        ready = await self.ready(row)

        async def begin(tx: Transaction) -> CampaignRow:
            now = _there(await store.lock(tx, number, restaurant_id))
            return now if now.state in STARTED else await self._start(tx, now, ready, at_once=True)

        return await self._database.run(begin)

    async def start_due(self, tx: Transaction, due: StartDue, ready: Ready | None) -> None:
        """Start a scheduled campaign, as its hour has come; one that cannot start (None) becomes a draft again.

        An event of an older schedule, or for a campaign that is no longer scheduled, changes nothing.
        """
        row = await store.lock(tx, due.campaign)
        if row is None or row.state != "scheduled" or row.epoch != due.epoch:
            return
        if ready is not None and row.version != ready.version:
            raise RetryLater("Somebody has changed the campaign meanwhile.", after_s=1.0)
        if ready is None:
            await self._move(tx, row, "draft", sends_at=None, by_zone=False)
        else:
            await self._start(tx, row, ready, at_once=False)

    async def pause(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Let no mail begin any more; those under way are finished."""
        return await self._command(restaurant_id, number, "paused")

    async def resume(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """Let a paused campaign go on where it was."""

        async def change(tx: Transaction) -> CampaignRow:
            row = _there(await store.lock(tx, number, restaurant_id))
            if row.state in {"freezing", "sending"}:
                return row
            if row.state != "paused":
                raise _conflict(row, f"It is {row.state}, not paused.")
            moved = await self._move(tx, row, "sending" if row.is_frozen else "freezing")
            if moved.state == "sending":
                await self._go_on(tx, moved)
            else:
                await self._log.emit(tx, FreezeDue(campaign=number, epoch=moved.epoch, page=0))
            return moved

        return await self._database.run(change)

    async def cancel(self, restaurant_id: UUID, number: int) -> CampaignRow:
        """End a campaign for good: who has not been mailed is not."""
        return await self._command(restaurant_id, number, "cancelled", finished_at=self._clock.now())

    async def ready(self, row: CampaignRow) -> Ready:
        """Return what a start needs; raises `Refused` (invalid) with the place of what is missing.

        An unsubscribe link is not asked for: every mail has one, whatever is written.
        """
        if gaps := gaps_in(row):
            raise refused(gaps)
        conditions = await self._conditions(row.restaurant_id, row.audience_id, row.conditions)
        links = await self._compiler.compiled_links(row)
        people = await self._audiences.count(row.restaurant_id, conditions)
        if not people:
            raise refused([FieldError("audience_id", "Nobody is in this audience.")])
        return Ready(version=row.version, conditions=conditions, links=links, people=people)

    async def _start(self, tx: Transaction, row: CampaignRow, ready: Ready, *, at_once: bool) -> CampaignRow:
        if row.state not in {"draft", "scheduled"}:
            raise _conflict(row, f"It is {row.state}, and cannot be started again.")
        if row.version != ready.version:
            raise _conflict(row, "Somebody has changed this campaign meanwhile.", code="campaign-changed")
        changes: dict[str, object] = {"started_at": self._clock.now()}
        if at_once:
            changes |= {"sends_at": None, "by_zone": False}
        moved = await self._move(tx, row, "freezing", **changes)
        await store.keep_conditions(tx, row.number, ready.conditions)
        await store.write_links(tx, row.number, ready.links)
        events: list[FreezeDue | CouponsOffered] = [FreezeDue(campaign=row.number, epoch=moved.epoch, page=0)]
        terms = document_of(row.document).coupon
        if terms is not None:
            events.append(CouponsOffered(campaign=row.number, restaurant_id=row.restaurant_id, terms=terms))
        await self._log.emit(tx, *events)
        return moved

    async def _command(self, restaurant_id: UUID, number: int, to: State, **changes: object) -> CampaignRow:
        async def change(tx: Transaction) -> CampaignRow:
            row = _there(await store.lock(tx, number, restaurant_id))
            return row if row.state == to else await self._move(tx, row, to, **changes)

        return await self._database.run(change)

    async def _move(self, tx: Transaction, row: CampaignRow, to: State, **changes: object) -> CampaignRow:
        if to not in MOVES[row.state] and row.state != to:
            raise _conflict(row, f"It is {row.state}, and cannot be {to} from there.")
        moved = await store.move(tx, row.number, to, self._clock.now(), **changes)
        if moved.state != row.state:
            await self._log.emit(
                tx, CampaignMoved(campaign=row.number, restaurant_id=row.restaurant_id, state=moved.state)
            )
        return moved

    async def _checked(self, restaurant_id: UUID, draft: Draft) -> Written:
        written = written_of(draft)
        if written.audience_id is not None or written.conditions is not None:
            await self._conditions(restaurant_id, written.audience_id, written.conditions)
        return written

    async def _conditions(
        self, restaurant_id: UUID, audience_id: UUID | None, own: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        if audience_id is None:
            conditions = dict(own or {})
            await self._audiences.check(restaurant_id, conditions)
            return conditions
        kept = await self._audiences.conditions_of(restaurant_id, audience_id)
        if kept is None:
            raise refused([FieldError("audience_id", "There is no such audience.")])
        return kept


def _there(row: CampaignRow | None) -> CampaignRow:
    if row is None:
        raise Refused("There is no such campaign.", kind="not_found", code="campaign-unknown")
    return row


def _conflict(row: CampaignRow, message: str, *, code: str = "campaign-moved") -> Refused:
    members = {"campaign_state": row.state, "version": row.version}
    return Refused(message, kind="conflict", code=code, members=members)
