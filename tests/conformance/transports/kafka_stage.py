"""The stage of Kafka: a real broker, and a topic for each test."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.progress import Progress
from comanda.engine.transports.kafka.windows import Windows
from tests.conformance.transports.stage import Stage
from tests.servers.kafka.broker import KafkaBroker, started_broker
from tests.servers.servers import Servers

_topics = itertools.count(1)


class KafkaStage:
    """A topic of Kafka; the log stands in the database of all tests."""

    ordered = True

    def __init__(self, broker: KafkaBroker | None, servers: str, topic: str, database_url: str) -> None:
        self._broker = broker
        self.database_url = database_url
        self.url = f"kafka://{servers}/{topic}?session_s=2"

    async def kill_server(self) -> None:
        """Kill the broker."""
        if self._broker is None:
            pytest.skip("The broker at COMANDA_TEST_KAFKA is not ours to kill.")
        await self._broker.kill()

    async def start_server(self) -> None:
        """Start it again."""
        if self._broker is not None:
            await self._broker.start()

    @contextmanager
    def credulous(self) -> Iterator[None]:
        """Believe that nothing is published twice: neither the window nor the cursor is asked."""

        async def all_of_them(_self: Progress, _tx: object, events: Sequence[LoggedEvent], *, moving: bool) -> Any:
            del moving
            return events

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Windows, "_was_published_before", lambda *_: False)
            patch.setattr(Progress, "unseen", all_of_them)
            yield


@asynccontextmanager
async def kafka(servers: Servers) -> AsyncIterator[Stage]:
    """Open a topic on the broker at `COMANDA_TEST_KAFKA`, or on one of our own."""
    elsewhere = os.environ.get("COMANDA_TEST_KAFKA")
    broker: KafkaBroker | None = None if elsewhere else await servers.get("kafka", started_broker)
    topic = f"comanda.test-{os.getpid()}-{next(_topics)}"
    async with servers.database() as database_url:
        yield KafkaStage(broker, broker.servers if broker else elsewhere or "", topic, database_url)
