from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import Unavailable
from comanda.engine.transports.sns_sqs import publishing
from comanda.engine.transports.sns_sqs.batches import MOST_BYTES
from comanda.engine.transports.sns_sqs.envelope import Message
from comanda.engine.transports.sns_sqs.publishing import publish
from tests.unit.transports.sns_sqs.events import rung

KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=40)


class Topic:
    """A stand-in that refuses some entries of a batch and takes their neighbours, as SNS may and moto cannot."""

    def __init__(self, refused: set[int]) -> None:
        self._refused = refused
        self.accepted: list[int] = []
        self.calls = 0

    async def send(self, batch: Sequence[Message]) -> list[str]:
        """Take what is not refused."""
        self.calls += 1
        self.accepted += [message.event.id for message in batch if message.event.id not in self._refused]
        return ["InternalError" for message in batch if message.event.id in self._refused]


@given(KEYS, st.sets(st.integers(0, 39), max_size=5))
async def test_a_refused_event_is_never_overtaken_by_a_later_one_of_its_key(keys: list[str], refused: set[int]) -> None:
    """Whatever fails within a batch, what was accepted of each key is its beginning, and the caller is told."""
    events = [rung(number, key) for number, key in enumerate(keys)]
    topic = Topic(refused)
    if refused & {event.id for event in events}:
        with pytest.raises(Unavailable, match="InternalError"):
            await publish(events, topic.send, fifo=True)
    else:
        await publish(events, topic.send, fifo=True)
        assert sorted(topic.accepted) == [event.id for event in events]
    for key in "abc":
        ours = [event.id for event in events if event.key == key]
        accepted = [number for number in topic.accepted if number in ours]
        assert accepted == ours[: len(accepted)]


async def test_planted_without_rounds_it_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above fails where a key's events share a call."""
    monkeypatch.setattr(publishing, "rounds", lambda messages, _: [messages])
    topic = Topic({1})
    with pytest.raises(Unavailable):
        await publish([rung(1, "a"), rung(2, "a")], topic.send, fifo=True)
    assert topic.accepted == [2]


async def test_without_order_all_goes_out_ten_to_a_call() -> None:
    """A standard topic gets full batches, whatever the keys."""
    topic = Topic(set())
    await publish([rung(number) for number in range(95)], topic.send, fifo=False)
    assert topic.calls == 10
    assert sorted(topic.accepted) == list(range(95))


async def test_a_refused_event_is_told_without_order_too() -> None:
    """The relay must not move past an event that was not accepted."""
    topic = Topic({50})
    with pytest.raises(Unavailable):
        await publish([rung(number) for number in range(95)], topic.send, fifo=False)


async def test_an_event_that_sns_cannot_carry_holds_up_all() -> None:
    """Nothing goes out beside an event that is too large: a later one of its key would overtake it."""
    topic = Topic(set())
    events = [rung(1), rung(2, payload='"' + "x" * MOST_BYTES + '"'), rung(3)]
    with pytest.raises(Unavailable, match="too large"):
        await publish(events, topic.send, fifo=True)
    assert topic.calls == 0


async def test_a_call_that_fails_is_not_followed_by_the_next_round() -> None:
    """A lost connection leaves it open what was accepted; nothing later of any key goes out before the retry."""
    sent: list[int] = []

    async def send(batch: Sequence[Message]) -> list[str]:
        sent.extend(message.event.id for message in batch)
        raise Unavailable("The connection broke.")

    with pytest.raises(Unavailable, match="connection"):
        await publish([rung(1, "a"), rung(2, "b"), rung(3, "a")], send, fifo=True)
    assert sent == [1, 2]
