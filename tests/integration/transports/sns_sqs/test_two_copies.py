"""One event, two messages, two workers at the same time: what a standard queue may bring about, and only one call."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.lanes import OutsideConsumer
from comanda.engine.lanes.source import LoggedEvent, logged
from comanda.engine.transports.sns_sqs.inbox import Inbox
from tests.conformance.transports.scenario import READ
from tests.conformance.transports.stage import opened_log, process
from tests.fakes.lanes import EFFECT, Rung, effects, make_effects, until
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.shop import Shop

pytestmark = pytest.mark.slow  # Two workers, of which the second only looks on.


class Call:
    """A call to the outside that takes until a test lets it end."""

    def __init__(self) -> None:
        self.made = 0
        self.may_end = asyncio.Event()
        # Of one event at a time, so that its worker has no room for the second copy, which goes to the other.
        self.consumer = OutsideConsumer(
            name="test.hear",
            on=(Rung,),
            claim=self._claim,
            perform=self._perform,
            conclude=self._conclude,
            batch=1,
            patience_s=60.0,
        )

    async def _claim(self, _: Transaction, event: Rung) -> Rung:
        return event

    async def _perform(self, work: Rung) -> int:
        self.made += 1
        await self.may_end.wait()
        return work.number

    async def _conclude(self, tx: Transaction, work: Rung, outcome: int) -> None:
        await tx.execute(EFFECT, work.bell, outcome)


async def calls_for_two_copies(
    moto: MotoProcess, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, *, checked: bool
) -> int:
    """Bring one event to two workers, and return how many calls were made until both had looked at it."""
    shop = Shop(moto, fifo=False, visibility_s=60)
    call = Call()
    looks: list[int] = []
    claim = Inbox.claim

    async def watched(inbox: Inbox, tx: Transaction, events: Sequence[LoggedEvent], seconds: float) -> object:
        looks.append(len(events))
        return await claim(inbox, tx, events, seconds) if checked else []

    async def looked(times: int) -> bool:
        return len(looks) >= times and (checked or call.made >= times)

    monkeypatch.setattr(Inbox, "claim", watched)
    await make_effects(database)
    async with process(shop.url, database, call.consumer, folder=folder):
        async with opened_log(database) as log, database.transaction() as tx:
            await log.emit(tx, Rung(bell="bell", number=1))
        await until(lambda: looked(1))
        async with process(shop.url, database, call.consumer, folder=folder):
            events = [logged(row) for row in await database.fetch(READ)]
            await shop.transport(call.consumer).publish(events)
            await until(lambda: looked(2))
            call.may_end.set()
            await until(lambda: database.fetch_value("SELECT count(*) >= 1 FROM effects"))
    assert len(await effects(database)) == 1
    return call.made


async def test_one_of_two_workers_calls(
    moto: MotoProcess, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second to claim lets the first do it: the outside is called once."""
    assert await calls_for_two_copies(moto, database, tmp_path, monkeypatch, checked=True) == 1


async def test_planted_without_claims_both_call(
    moto: MotoProcess, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails where nothing is claimed; the effect is one all the same, for the inbox has one row."""
    assert await calls_for_two_copies(moto, database, tmp_path, monkeypatch, checked=False) == 2
