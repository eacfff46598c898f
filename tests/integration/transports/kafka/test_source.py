"""What only Kafka has: offsets that go, names that are kept, strangers on the topic."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events.log import shard_of
from comanda.engine.lanes.cursors import set_to
from comanda.engine.service import running
from comanda.engine.transports.kafka import kafka_source, subscription
from comanda.engine.transports.kafka.kafka_source import KafkaSource
from comanda.engine.transports.kafka.kafka_transport import KafkaTransport
from comanda.engine.transports.kafka.kafka_url import KafkaAddress
from comanda.engine.transports.kafka.subscription import AT_ONCE
from comanda.engine.transports.kafka.windows import MOST, Windows
from tests.conformance.transports import stage as stages
from tests.conformance.transports.bells import hear
from tests.conformance.transports.scenario import Scenario
from tests.fakes.lanes import Silenced, effects, ringing, until

pytestmark = pytest.mark.slow  # A broker of Kafka, and groups that form on it.

PLACES = "SELECT shard, epoch, owner, place FROM engine.cursors WHERE consumer LIKE 'test.hear@%' ORDER BY shard"


def address_of(scenario: Scenario) -> KafkaAddress:
    """Return where the scenario's topic is."""
    return KafkaAddress.parse(scenario.stage.url)


async def make_cursors(scenario: Scenario) -> None:
    """Make the consumer's own cursors, as a worker's leases do."""
    await scenario.database.fetch(
        "INSERT INTO engine.cursors (consumer, shard) SELECT 'test.hear', s FROM generate_series(0, 15) s"
    )


async def test_carriers_are_changed_without_loss_or_double(scenario: Scenario) -> None:
    """From the log to Kafka and back: each goes on where the other was, though the relay begins at the beginning."""
    for turn, url in enumerate(["postgres:", scenario.stage.url, "postgres:", scenario.stage.url]):
        await scenario.ring(*((f"bell {n % 5}", turn * 20 + n) for n in range(20)))
        async with stages.process(url, scenario.database, hear, folder=scenario.folder):
            await scenario.reached(turn * 20 + 20)
    async with scenario.process(hear):
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == list(range(80))


async def test_a_replay_reaches_a_lane_that_runs(scenario: Scenario) -> None:
    """Set back while it works, a consumer handles again what it had, from the topic, and goes on."""
    async with scenario.process(hear):
        await scenario.ring(*((f"bell {n % 5}", n) for n in range(20)))
        await scenario.reached(20)
        since = await scenario.database.fetch_value("SELECT min(at) FROM engine.events")
        async with scenario.database.transaction() as tx:
            await set_to(tx, hear.name, since)
        await scenario.reached(40)
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == sorted([*range(20), *range(20)])


async def read_past_a_deletion(scenario: Scenario) -> None:
    """Handle ten events of a bell, have Kafka delete five of the next ten, and begin to read on."""
    await scenario.ring(*(("bell", number) for number in range(10)))
    async with scenario.process(hear):
        await scenario.reached(10)
    await scenario.ring(*(("bell", number) for number in range(10, 20)))
    async with scenario.transport(hear) as carrier:
        await carrier.publish((await scenario.logged())[10:])
    address = address_of(scenario)
    gone = TopicPartition(address.topic, shard_of("bell"), 15)
    admin = AdminClient(address.client())
    await asyncio.to_thread(next(iter(admin.delete_records([gone]).values())).result, 10)


async def test_what_kafka_has_deleted_is_not_skipped(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that went before they were read stop their partition, and that is told; the log still brings them."""
    await read_past_a_deletion(scenario)
    missed: list[int] = []
    told = KafkaSource.missing

    def note(source: KafkaSource, shard: int, reason: str) -> None:
        missed.append(shard)
        told(source, shard, reason)

    monkeypatch.setattr(KafkaSource, "missing", note)
    async with scenario.process(hear):

        async def noted() -> bool:
            return bool(missed)

        await until(noted)
    assert set(missed) == {shard_of("bell")}
    assert await scenario.count() == 10
    async with stages.process("postgres:", scenario.database, hear, folder=scenario.folder):
        seen = await scenario.settled()
    assert [number for _, number in seen] == list(range(20))


async def test_planted_a_client_that_begins_anew_skips_them(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails where the client is told to begin with what there is, and offsets are not followed."""
    group = KafkaTransport._group  # noqa: SLF001 - the plant
    monkeypatch.setattr(KafkaTransport, "_group", lambda *given: {**group(*given), "auto.offset.reset": "earliest"})
    monkeypatch.setattr(Windows, "_follow", lambda *_: None)
    monkeypatch.setattr(subscription, "_missing", lambda *_: None)
    await read_past_a_deletion(scenario)
    async with scenario.process(hear):
        await scenario.reached(15)
    seen = await effects(scenario.database)
    assert [number for _, number in seen] == [*range(10), *range(15, 20)]


async def test_strangers_and_unwanted_events_are_passed_by(
    scenario: Scenario, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no event of ours, or none that the lane wants, leaves no mark but the offset behind it."""
    monkeypatch.setattr(kafka_source, "PASS_BY_EVERY_S", 0.1)
    address = address_of(scenario)
    async with scenario.process(hear):
        await scenario.ring(("bell", 1))
        await scenario.reached(1)
        stranger = Producer(address.client())
        stranger.produce(address.topic, b"hello", key=b"bell", partition=shard_of("bell"))
        await asyncio.to_thread(stranger.flush, 10)
        await scenario.ring(("bell", 2))
        await scenario.reached(2)
        async with ringing(database) as log, database.transaction() as tx:
            await log.emit(tx, Silenced(bell="bell"))

        async def passed_by() -> bool:
            rows = {row["shard"]: row["place"] for row in await database.fetch(PLACES)}
            return rows.get(shard_of("bell")) == "4"

        await until(passed_by)
    assert await effects(database) == [("bell", 1), ("bell", 2)]


async def test_a_member_that_comes_back_gets_its_partitions_and_moves_no_others(scenario: Scenario) -> None:
    """Within the session, a process that takes the place of one that ended takes its partitions; others keep theirs."""
    address = msgspec.structs.replace(address_of(scenario), session_s=10.0)

    @asynccontextmanager
    async def member() -> AsyncIterator[None]:
        transport = KafkaTransport(address, database=scenario.database, clock=SystemClock(), data_dir=scenario.folder)
        async with running([transport, transport.source(hear, lambda: None)]):
            yield

    async def holders() -> dict[int, tuple[int | None, int]]:
        return {row["shard"]: (row["owner"], row["epoch"]) for row in await scenario.database.fetch(PLACES)}

    async def shared() -> bool:
        owners = [owner for owner, _ in (await holders()).values() if owner is not None]
        return sorted(Counter(owners).values()) == [8, 8]

    await make_cursors(scenario)
    async with AsyncExitStack() as first:
        await first.enter_async_context(member())
        await until(lambda: scenario.database.fetch_value(f"SELECT count(*) = 16 FROM ({PLACES}) p WHERE owner < 0"))
        [(gone, _), *_] = (await holders()).values()
        async with member():
            await until(shared)
            before = await holders()
            await first.aclose()
            assert {shard for shard, (owner, _) in (await holders()).items() if owner is None}
            async with member():
                await until(shared)
                after = await holders()
    for shard, (owner, epoch) in before.items():
        assert after[shard] == (owner, epoch + (owner == gone))


async def test_a_lane_that_does_not_read_holds_little(scenario: Scenario) -> None:
    """However much lies on the topic: so many events are held, and all of them come once the lane reads."""
    many = 4 * MOST
    await scenario.ring(*((f"bell {n % 40}", n) for n in range(many)))
    await make_cursors(scenario)
    async with scenario.transport(hear) as carrier:
        events = await scenario.logged()
        await carrier.publish(events)
        source = carrier.source(hear, lambda: None)
        assert isinstance(source, KafkaSource)
        async with running([source]):
            windows = source._windows  # noqa: SLF001 - what is held is nobody's business but this test's

            async def stopped() -> bool:
                return source._subscription._held_up  # noqa: SLF001 - as above

            await until(stopped)
            assert MOST <= windows._count <= MOST + AT_ONCE  # noqa: SLF001 - as above
            seen: list[int] = []

            async def all_read() -> bool:
                part = await source.read(500)
                await source.acknowledge(part)
                seen.extend(event.id for event in part)
                return len(seen) >= many

            await until(all_read)
    assert sorted(seen) == sorted(event.id for event in events)
