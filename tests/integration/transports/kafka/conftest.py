import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comanda.engine.database import Database
from comanda.engine.transports.kafka.kafka_url import KafkaAddress
from tests.conformance.transports.kafka_stage import KafkaStage
from tests.conformance.transports.scenario import Scenario
from tests.fakes.lanes import ringing
from tests.servers.kafka.broker import KafkaBroker, started_broker
from tests.servers.servers import Servers

_topics = itertools.count(1)


@pytest.fixture
async def broker(servers: Servers) -> KafkaBroker:
    """The tests' own broker, which may be killed and is to be started again."""
    broker: KafkaBroker = await servers.get("kafka", started_broker)
    return broker


@pytest.fixture
def address(broker: KafkaBroker) -> KafkaAddress:
    """The address of a topic of the test's own, not made yet."""
    return KafkaAddress.parse(f"kafka://{broker.servers}/{_topic()}?session_s=2")


@pytest.fixture
async def scenario(broker: KafkaBroker, database: Database, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A topic, a log to ring bells in and a table of effects."""
    async with ringing(database) as log:
        scenario = Scenario(KafkaStage(broker, broker.servers, _topic(), database.url), database, log, tmp_path)
        await scenario.prepare()
        yield scenario


def _topic() -> str:
    return f"comanda.test-{os.getpid()}-own-{next(_topics)}"
