"""The stages of SNS and SQS, with a FIFO topic and with a standard one."""

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import pytest

from comanda.engine.database import Transaction
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.sns_sqs.inbox import Inbox
from tests.conformance.transports.stage import Stage
from tests.fakes.moto_process import MotoProcess
from tests.servers.servers import Servers

VISIBILITY_S = 2

WRITE = """
INSERT INTO engine.inbox (consumer, event_id) SELECT 'test.hear', unnest($1::bigint[]) ON CONFLICT DO NOTHING
"""

_numbers = itertools.count(1)


class SnsSqsStage:
    """Moto's server. Its state is in its memory, so it is taken from the network where others are killed."""

    def __init__(self, moto: MotoProcess, database_url: str, *, fifo: bool) -> None:
        self._moto = moto
        self.database_url = database_url
        self.ordered = fifo
        self.url = moto.url(f"suite{next(_numbers)}", fifo=fifo, visibility_s=VISIBILITY_S)

    async def kill_server(self) -> None:
        """Take it from the network."""
        await self._moto.vanish()

    async def start_server(self) -> None:
        """Bring it back."""
        await self._moto.come_back()

    @contextmanager
    def credulous(self) -> Iterator[None]:
        """Take the inbox for empty."""

        async def unseen(_: Inbox, __: Transaction, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
            return list(events)

        async def write(_: Inbox, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
            await tx.execute(WRITE, [event.id for event in events])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Inbox, "unseen", unseen)
            patch.setattr(Inbox, "write", write)
            yield


@asynccontextmanager
async def fifo(servers: Servers) -> AsyncIterator[Stage]:
    """Open the stage with a FIFO topic and FIFO queues."""
    async with servers.database() as database_url:
        yield SnsSqsStage(await servers.get("moto", MotoProcess.started), database_url, fifo=True)


@asynccontextmanager
async def standard(servers: Servers) -> AsyncIterator[Stage]:
    """Open the stage with a standard topic and standard queues."""
    async with servers.database() as database_url:
        yield SnsSqsStage(await servers.get("moto", MotoProcess.started), database_url, fifo=False)
