import asyncio
import sys
from pathlib import Path

import pytest

from comanda.engine.database import Database
from tests.conformance.transports.stage import opened_log, process
from tests.fakes.lanes import Rung, effects, make_effects, until
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop, emptied

pytestmark = pytest.mark.slow  # A process is started and killed, and its messages' visibility has to end.


async def test_a_worker_killed_between_commit_and_deletion_has_done_it_once(
    moto: MotoProcess, database: Database, tmp_path: Path
) -> None:
    """Its messages come to another, who sees that they were handled, and deletes them."""
    shop = Shop(moto, fifo=True, visibility_s=1)
    await make_effects(database)
    async with opened_log(database) as log, database.transaction() as tx:
        await log.emit(tx, *(Rung(bell=f"bell {n % 7}", number=n) for n in range(20)))
    dying = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.transports.sns_sqs.dying_worker",
        shop.url,
        database.url,
        str(tmp_path),
    )
    try:
        await until(lambda: asyncio.to_thread(tmp_path.joinpath("stuck").exists))
    finally:
        dying.kill()
        await dying.wait()
    before = await effects(database)
    assert before
    assert shop.left(hear) >= len(before)
    async with process(shop.url, database, hear, folder=tmp_path):
        await until(lambda: database.fetch_value("SELECT count(*) = 20 FROM engine.inbox"))
        await emptied(shop, hear)
    seen = await effects(database)
    assert sorted(number for _, number in seen) == list(range(20))
    assert seen[: len(before)] == before
