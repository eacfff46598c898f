"""A drill from its beginning to its end: start a system, let guests order, strike it, let it drain, count."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

import msgspec

from comanda.audit import Report as AuditReport
from comanda.audit import audit
from comanda.contracts.catalog import Category, Item
from comanda.drill.books import read_books
from comanda.drill.crashes import crashes_in, refused_in
from comanda.drill.draining import drained
from comanda.drill.faults import Striker, Struck
from comanda.drill.guests import Guests
from comanda.drill.intent import ITEMS, Intent, Record
from comanda.drill.plan import Fault
from comanda.drill.report import MOST_LISTED, MOST_TOLD, Broken, Report, by_kind
from comanda.drill.stored import read_stored
from comanda.drill.system import System
from comanda.drill.timeline import timeline_of
from comanda.drill.verdict import Finding, Verdict, judge
from comanda.engine.clock import Clock
from comanda.house import House, build_house
from comanda.replay.client import Client
from comanda.replay.door import Door, found_restaurant, publish

MENU = (
    Category(id="menu", name="Menu", items=tuple(Item(id=id_, name=id_.title(), price=price) for id_, price in ITEMS)),
)

GUEST_CONNECTIONS = 64

CALM_S = 1.0
"""Orders go on for so long before the first fault, and after the last."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a drill has come."""

    struck: int
    intents: int
    answered: int
    last: str


class Drill:
    """One drill, as an async context: its system runs inside it.

    Args:
        faults: the plan.
        seed: of the plan; the guests follow from it too.
        folder: an empty one, for the system's data and log and the guests' record.
        clock: measures and waits.
        told: called as the drill goes on.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        seed: int,
        folder: Path,
        clock: Clock,
        told: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.system = System(folder, clock)
        self._faults = faults
        self._seed = seed
        self._folder = folder
        self._clock = clock
        self._told = told
        self._record = Record(folder / "guests.jsonl")
        self._stack = contextlib.AsyncExitStack()
        self._slug = ""
        self._last = ""
        self._struck: Sequence[Struck] = ()
        self._guests: Guests | None = None
        self._seconds = 0.0
        self._drained_s = 0.0
        self._undrained: Sequence[str] = ()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.system)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def play(self) -> None:
        """Let guests order and strike meanwhile; return when all faults are over and the last guest is answered."""
        async with Client(self.system.address, connections=GUEST_CONNECTIONS, clock=self._clock) as client:
            self._slug = await self._open_restaurant(client)
            guests = self._guests = Guests(
                client, seed=self._seed, restaurant=self._slug, record=self._record, clock=self._clock
            )
            striker = Striker(
                self.system, self._clock, progress=lambda: guests.answered, struck=lambda one: self._hears(one.told)
            )
            self._struck = striker.log
            enough = asyncio.Event()
            begun = self._clock.monotonic()
            try:
                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(self._watch())
                    ordering = group.create_task(guests.order_until(enough))
                    await self._clock.sleep(CALM_S)
                    await striker.strike_all(self._faults)
                    await self.system.whole()
                    await self._clock.sleep(CALM_S)
                    enough.set()
                    await ordering
                    watching.cancel()
            except BaseExceptionGroup as group_of_one:
                raise _first(group_of_one) from group_of_one
            self._seconds = self._clock.monotonic() - begun

    async def drain(self) -> None:
        """Wait until everything has come to its end."""
        begun = self._clock.monotonic()
        self._hears("all faults are over: draining")
        async with self._house() as house:
            self._undrained = await drained(house.database, house.consumers, self._clock)
        self._drained_s = self._clock.monotonic() - begun

    def intents(self) -> Sequence[Intent]:
        """Return what the guests have wanted so far and what they were answered, from their own record."""
        return self._record.read()

    async def count(self) -> Report:
        """Lay what the guests were answered beside the books and the database, and say what came of it all."""
        data = self.system.settings.data
        intents = self.intents()
        async with self._house() as house:
            # Ours is read after theirs: what they have moved or sent was a row with us before.
            books = read_books(data)
            stored = await read_stored(house.database, self._slug)
            verdict = judge(intents, books, stored)
            audited = await audit(house, age=timedelta(0))
            by_number = {intent.number: intent for intent in intents}
            broken = [
                Broken(
                    finding=finding,
                    timeline=tuple(
                        await timeline_of(
                            house.database,
                            order=finding.order,
                            intent=by_number.get(finding.intent or 0),
                            books=books,
                            struck=self._struck,
                            data=data,
                        )
                    ),
                )
                for finding in _first_of_each(verdict)
            ]
        return self._report(verdict, audited, broken)

    def _report(self, verdict: Verdict, audited: AuditReport, broken: Sequence[Broken]) -> Report:
        wrong = [checked for checked in audited.invariants if checked.wrong]
        sentences = [f"{found.message} ({checked.name})" for checked in wrong for found in checked.findings]
        ended = [
            f"{part.name} has ended by itself, with status {status}."
            for part in self.system.parts.values()
            for status in part.by_itself
        ]
        guests = self._guests
        return Report(
            seed=self._seed,
            planned=len(self._faults),
            struck=len(self._struck),
            faults=by_kind(self._struck),
            seconds=round(self._seconds, 1),
            drained_s=round(self._drained_s, 1),
            clicks=guests.clicks if guests else 0,
            silence_s=round(guests.silence_s, 1) if guests else 0.0,
            refused=refused_in(self.system.log_file),
            counts=verdict.counts,
            lost=verdict.count("lost"),
            doubled=verdict.count("doubled"),
            wrong=verdict.count("wrong"),
            uncertain=verdict.count("uncertain"),
            findings=verdict.findings[:MOST_LISTED],
            undrained=tuple(self._undrained),
            ended=tuple(ended),
            crashes=tuple(crashes_in(self.system.log_file)),
            audit_wrong=audited.wrong,
            audit=tuple(sentences[:MOST_LISTED]),
            broken=tuple(broken),
        )

    async def _open_restaurant(self, client: Client) -> str:
        async with self._house() as house:
            door: Door = await found_restaurant(house, "Drill")
        await publish(client, door, MENU, self._clock)
        return door.slug

    @contextlib.asynccontextmanager
    async def _house(self) -> AsyncIterator[House]:
        house = build_house(self.system.settings, role="drill", connections=3)
        async with house.opened():
            yield house

    async def _watch(self) -> None:
        while True:
            self._tell()
            await self._clock.sleep(0.2)

    def _hears(self, what: str) -> None:
        self._last = what
        self._tell()

    def _tell(self) -> None:
        guests = self._guests
        self._told(
            Progress(
                struck=len(self._struck),
                intents=guests.begun if guests else 0,
                answered=guests.answered if guests else 0,
                last=self._last,
            )
        )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of groups: the others came of its ending them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _first_of_each(verdict: Verdict) -> list[Finding]:
    """Return the first findings that are faults, one of each order."""
    seen: set[tuple[int | None, str]] = set()
    first = []
    for finding in verdict.findings:
        about = (finding.intent, finding.order)
        if finding.fate != "uncertain" and about not in seen:
            seen.add(about)
            first.append(finding)
    return first[:MOST_TOLD]
