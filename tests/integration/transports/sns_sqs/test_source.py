"""How messages are held and given back.

Moto keeps visibility to the millisecond, as AWS says of itself. What AWS alone does cannot be shown: that a standard
queue now and then brings a message to two receivers at once (a second copy stands for it here).
"""

import time
from collections.abc import Sequence

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.errors import Unavailable
from comanda.engine.transports.sns_sqs import sqs_source
from comanda.engine.transports.sns_sqs.queue import Queue
from tests.fakes.lanes import until
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop, brought, emptied, finish, nothing_comes, numbers, over
from tests.unit.transports.sns_sqs.events import rung


class ClockAhead(SystemClock):
    """The machine's clock, which a test can put forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds, and what they were put forward."""
        return super().monotonic() + self.ahead_s


@pytest.mark.slow  # Longer than a visibility that a busy machine extends in time.
async def test_what_is_worked_on_stays_ours(moto: MotoProcess) -> None:
    """A handler that takes longer than the visibility keeps its event: nobody else gets it, and it is still ours."""
    shop = Shop(moto, fifo=False, visibility_s=3)
    await shop.transport(hear).publish([rung(1)])
    async with shop.source(hear) as working:
        events = await brought(working, 1)
        async with shop.source(hear) as other:
            await nothing_comes(other, 5.0)
            assert working.valid()
            await working.acknowledge(events)
            await emptied(shop, hear)


@pytest.mark.slow  # The shortest visibility is a second.
async def test_planted_without_extensions_another_gets_it(moto: MotoProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above fails where nothing is extended; and then we no longer believe that the event is ours."""
    shop = Shop(moto, fifo=False, visibility_s=1)
    await shop.transport(hear).publish([rung(1)])

    def unheard(_: Queue, receipts: Sequence[str], seconds: int) -> set[str]:
        del receipts, seconds
        raise Unavailable("The call was lost.")

    monkeypatch.setattr(Queue, "extend", unheard)
    async with shop.source(hear) as working:
        await brought(working, 1)
        async with shop.source(hear) as other:
            await brought(other, 1)
            await over(working)


async def test_a_stop_gives_back_what_was_not_handled(moto: MotoProcess) -> None:
    """Another worker has it at once, and not when the minute's visibility is over; in the order of its key."""
    shop = Shop(moto, fifo=True, visibility_s=60)
    await shop.transport(hear).publish([rung(number) for number in range(10)])
    async with shop.source(hear) as leaving:
        await leaving.acknowledge((await brought(leaving, 10))[:3])
    async with shop.source(hear) as staying:
        assert await finish(staying, 7) == [3, 4, 5, 6, 7, 8, 9]


async def test_a_stop_does_not_wait_for_the_long_poll(moto: MotoProcess) -> None:
    """Twenty seconds of waiting for a message end with the stop; what the poll gets after it goes to others."""
    shop = Shop(moto, fifo=False, visibility_s=60)
    transport = shop.transport(hear)
    await transport.publish([])
    async with shop.source(hear) as leaving:

        async def polling() -> bool:
            return leaving.polling

        await until(polling)
        began = time.monotonic()  # noqa: TID251 - how long a stop takes is what is measured
        await leaving.stop()
        took_s = time.monotonic() - began  # noqa: TID251 - as above
    assert took_s < 1.0
    await transport.publish([rung(1)])
    async with shop.source(hear) as staying:
        assert await finish(staying, 1) == [1]


async def test_a_lane_that_rests_lets_others_work(moto: MotoProcess) -> None:
    """A paused lane reads no more: what waited for it goes to others at once, and it gets nothing new."""
    shop = Shop(moto, fifo=False, visibility_s=2)
    clock = ClockAhead()
    await shop.transport(hear).publish([rung(number) for number in range(5)])
    async with shop.source(hear, clock=clock) as resting:
        await brought(resting, 5)
        await resting.read(0)
        clock.ahead_s = sqs_source.RESTING_S
        async with shop.source(hear) as working:
            assert sorted(await finish(working, 5)) == [0, 1, 2, 3, 4]
            await shop.transport(hear).publish([rung(5)])
            assert await finish(working, 1) == [5]


async def test_no_more_is_received_than_the_buffer_holds(moto: MotoProcess) -> None:
    """However many wait, a worker takes a few batches ahead and leaves the rest to others."""
    shop = Shop(moto, fifo=False)
    await shop.transport(hear).publish([rung(number) for number in range(150)])
    async with shop.source(hear) as one, shop.source(hear) as other:
        most = sqs_source.BATCHES_AHEAD * hear.size
        held = numbers(await brought(one, most))
        assert len(held) == most
        rest = numbers(await brought(other, most))
        assert len(rest) == most
        assert not set(held) & set(rest)


@pytest.mark.slow  # A message comes again when its visibility, of a second at least, is over, and then again.
async def test_a_malformed_message_ends_among_the_dead_letters(moto: MotoProcess) -> None:
    """What is no event of ours holds nobody up and is not lost: SQS itself puts it aside, for a person to look at."""
    shop = Shop(moto, fifo=False, visibility_s=1, receives=2)
    await shop.transport(hear).publish([rung(1)])
    shop.clients.sqs.send_message(QueueUrl=shop.queue_url(hear), MessageBody="no event")
    async with shop.source(hear) as source:
        assert await finish(source, 1) == [1]
        await emptied(shop, hear)
    dead = shop.clients.sqs.receive_message(QueueUrl=shop.queue_url(hear, dead=True))["Messages"]
    assert [message["Body"] for message in dead] == ["no event"]


async def test_what_sqs_has_no_more_is_not_ours(moto: MotoProcess) -> None:
    """When an extension is refused for one message, because it is gone, the lane is told before its next call."""
    shop = Shop(moto, fifo=False, visibility_s=2)
    await shop.transport(hear).publish([rung(1), rung(2)])
    async with shop.source(hear) as source:
        await brought(source, 2)
        shop.clients.sqs.purge_queue(QueueUrl=shop.queue_url(hear))
        await over(source)
        assert await source.read(10) == []
        assert source.valid()


@pytest.mark.slow  # The shortest visibility is a second.
async def test_what_could_not_be_extended_is_ours_no_more(moto: MotoProcess) -> None:
    """While SQS cannot be reached our time runs out, and we know it without being told."""
    shop = Shop(moto, fifo=True, visibility_s=1)
    await shop.transport(hear).publish([rung(1), rung(2)])
    async with shop.source(hear) as source:
        await brought(source, 2)
        async with moto.away():
            await over(source)
            assert not await source.read(10)
        assert await finish(source, 2) == [1, 2]
