"""The example of the page about timers."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import Event, EventCatalogue, EventLog
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Worker, consumer
from comanda.engine.service import running
from tests.fakes.lanes import ringing, until

PAGE = Path(__file__).parents[3] / "docs" / "timers-and-retention.md"


async def test_the_example_releases_a_slot_at_its_time_and_not_before(database: Database) -> None:
    """As it stands on the page."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    known: dict[str, Any] = {
        "ClassVar": ClassVar,
        "Event": Event,
        "EventLog": EventLog,
        "Transaction": Transaction,
        "consumer": consumer,
        "datetime": datetime,
    }
    exec(compile(found[1], str(PAGE), "exec"), known)  # noqa: S102 - our own page
    await database.fetch("CREATE TABLE slots (slot text, held bool)")
    await database.fetch("INSERT INTO slots VALUES ('noon', false)")
    clock = SystemClock()
    worker = Worker(database, EventCatalogue([known["HoldEnded"]]), [known["release"]], clock=clock, ids=RandomIds())
    async with ringing(database) as log, running([worker]):
        until_when = clock.now() + timedelta(seconds=0.4)
        await database.run(lambda tx: known["hold"](tx, log, "noon", until_when))
        assert await database.fetch_value("SELECT held FROM slots")
        await until(lambda: database.fetch_value("SELECT NOT held FROM slots"))
        assert clock.now() >= until_when
