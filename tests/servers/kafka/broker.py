"""A real Apache Kafka broker: one node that is its own controller (KRaft), in a folder of its own."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.fakes.ports import free_port

JARS = Path(__file__).parents[3] / ".tools" / "kafka"

START_S = 60.0
"""How long a broker may take to answer; on a quiet machine it takes three seconds."""

JAVA = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=error")

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/log
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=2097152
"""


class KafkaBroker:
    """A broker that can be killed and started again on the same data and at the same port.

    Attributes:
        servers: where it listens, `host:port`.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="comanda-kafka-"))
        self._process: asyncio.subprocess.Process | None = None
        port, controller = free_port(), free_port()
        self.servers = f"127.0.0.1:{port}"
        self._properties = self._folder / "server.properties"
        self._properties.write_text(PROPERTIES.format(port=port, controller=controller, folder=self._folder))

    async def start(self) -> None:
        """Start it and wait until it answers."""
        if not JARS.is_dir():
            raise RuntimeError("The broker is not here yet: run tests/servers/kafka/fetch .tools/kafka")
        if not (self._folder / "log").exists():
            format_ = await self._java("kafka.tools.StorageTool", "format", "-t", "Y29tYW5kYS10ZXN0cy0wMQ", "-c")
            if await format_.wait() != 0:
                raise RuntimeError(f"Kafka's storage was not formatted: {self._said()}")
        self._process = await self._java("kafka.Kafka")
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        async with asyncio.timeout(START_S):
            while not await asyncio.to_thread(_answers, admin):
                if self._process.returncode is not None:
                    raise RuntimeError(f"Kafka has ended: {self._said()}")
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """Let it die at once."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    async def close(self) -> None:
        """Kill it and remove its data."""
        await self.kill()
        shutil.rmtree(self._folder)

    async def _java(self, main: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self._folder / "said.txt").open("ab") as said:
            return await asyncio.create_subprocess_exec(
                "java",
                *JAVA,
                "-cp",
                f"{JARS}/*",
                main,
                *arguments,
                str(self._properties),
                stdout=said,
                stderr=said,
                env={"PATH": os.environ["PATH"]},
            )

    def _said(self) -> str:
        return (self._folder / "said.txt").read_text(errors="replace")[-2000:]


@asynccontextmanager
async def started_broker() -> AsyncIterator[KafkaBroker]:
    """Run a broker for the length of the block."""
    broker = KafkaBroker()
    try:
        await broker.start()
        yield broker
    finally:
        await broker.close()


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=1.0).brokers)
    except Exception:  # noqa: BLE001 - whatever it is, the broker does not answer yet
        return False
