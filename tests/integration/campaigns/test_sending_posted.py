"""A campaign over real SMTP, through the real post office."""

import re
from collections import Counter
from pathlib import Path

from comanda.contexts.campaigns.statement import statement
from comanda.contracts.campaigns import FreezeDue
from comanda.engine.database import Database
from comanda.engine.lanes import Worker
from comanda.engine.service import running
from comanda.mail.posting import PostOffice
from tests.fakes.campaign_sending import CATALOGUE, Desk, campaign, people, state_of
from tests.fakes.lanes import until
from tests.fakes.pipelined_smtp import PipelinedSmtp
from tests.fakes.sending import address, serving


async def test_a_mail_server_takes_one_mail_for_each_recipient(database: Database, tmp_path: Path) -> None:
    """Each accepted Message-ID is there once, and the ledger counts what the server took."""
    await people(database, [f"guest{n}@shop{n % 7}.example" for n in range(1_000)])
    number = await campaign(database)
    async with serving(PipelinedSmtp()) as server:
        office = PostOffice(address(server), tmp_path, guarded=False)
        async with running([office]):
            desk = Desk(database, office)
            worker = Worker(database, CATALOGUE, desk.consumers)
            async with running([desk.waker, desk.settler, desk.pacing, worker]):
                await database.run(lambda tx: desk.log.emit(tx, FreezeDue(campaign=number, epoch=1, page=0)))

                async def finished() -> bool:
                    return await state_of(database, number) == "finished"

                await until(finished)
        taken = Counter(re.search(rb"<c\d+\.(\d+)@", content)[1] for content in server.taken)  # type: ignore[index]
    assert len(taken) == 1_000
    assert set(taken.values()) == {1}
    assert (await statement(database, number)).once == 1_000
