"""Leases and wake-ups after an error that nobody has foreseen: they stumble, say so, and go on."""

import asyncio
from typing import Any

from structlog.testing import capture_logs

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import Waker
from comanda.engine.events.waker import CHANNEL
from comanda.engine.lanes.leases import Leases

PATIENCE_S = 20.0


class OddDatabase(Database):
    """A database whose driver does something that no driver should, once."""

    odd = True

    async def connect(self) -> Any:
        """Fail the first time, as nobody has foreseen."""
        if self.odd:
            self.odd = False
            raise ArithmeticError("odd")
        return await super().connect()


async def test_leases_are_taken_after_a_stumble(database: Database) -> None:
    """A worker that held nothing from then on would live, and do no work."""
    taken = asyncio.Event()
    leases = Leases(OddDatabase(database.url), {"test.odd": 16}, clock=SystemClock(), wake=taken.set, look_s=0.05)
    with capture_logs() as told:
        await leases.start()
        async with asyncio.timeout(PATIENCE_S):
            await taken.wait()
        held = leases.held("test.odd")
        await leases.stop()
    assert len(held) == 16
    assert "leases stumbled" in [line["event"] for line in told]


async def test_wake_ups_are_sent_after_a_stumble(database: Database) -> None:
    """The next commit wakes the workers again."""
    heard = asyncio.Event()
    listener = await database.connect()
    await listener.add_listener(CHANNEL, lambda *_: heard.set())
    waker = Waker(OddDatabase(database.url))
    with capture_logs() as told:
        await waker.start()
        async with asyncio.timeout(PATIENCE_S):
            while not heard.is_set():
                waker.signal()
                await asyncio.sleep(0.02)
        await waker.stop()
    await listener.close()
    assert "wake-ups stumbled" in [line["event"] for line in told]
