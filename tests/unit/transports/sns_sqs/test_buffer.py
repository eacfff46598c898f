from comanda.engine.transports.sns_sqs.batches import MOST
from comanda.engine.transports.sns_sqs.buffer import MOST_BYTES, Buffer
from tests.unit.transports.sns_sqs.events import rung


def filled(*keys: str, ordered: bool) -> Buffer:
    """Return a buffer with an event of each of `keys`, numbered from 0."""
    buffer = Buffer(100, ordered=ordered)
    for number, key in enumerate(keys):
        buffer.put(rung(number, key), f"message {number}", f"receipt {number}", until=10.0, size=100)
    return buffer


def numbers(buffer: Buffer) -> list[int]:
    """Return the events in hand."""
    return [event.id for event in buffer.first(100)]


def test_room_is_kept_for_what_is_on_its_way() -> None:
    """Receives side by side bring no more than the buffer's most."""
    buffer = Buffer(25, ordered=False)
    assert [buffer.reserve(), buffer.reserve(), buffer.reserve()] == [True, True, False]
    for number in range(MOST):
        buffer.put(rung(number), str(number), str(number), until=10.0, size=1)
    buffer.release()
    assert not buffer.reserve()
    buffer.remove(buffer.first(MOST))
    assert buffer.reserve()


def test_large_bodies_fill_a_buffer_sooner() -> None:
    """The bytes in hand are bounded, not only the events."""
    buffer = Buffer(1000, ordered=False)
    buffer.put(rung(1), "1", "1", until=10.0, size=MOST_BYTES)
    assert not buffer.reserve()
    buffer.remove([rung(1)])
    assert buffer.reserve()


def test_a_second_copy_of_an_event_adds_its_receipt() -> None:
    """A standard queue may bring an event twice: it is handled once, and both messages are deleted."""
    buffer = filled("a", ordered=False)
    buffer.put(rung(0, "a"), "copy", "receipt of the copy", until=12.0, size=100)
    (held,) = buffer.remove([rung(0, "a")])
    assert sorted(held.receipts.values()) == ["receipt 0", "receipt of the copy"]
    assert held.until == 12.0
    assert numbers(buffer) == []


def test_a_message_received_again_has_its_newest_receipt() -> None:
    """SQS deletes by the receipt of the last receiving."""
    buffer = filled("a", ordered=False)
    buffer.put(rung(0, "a"), "message 0", "newer", until=12.0, size=100)
    (held,) = buffer.remove([rung(0, "a")])
    assert list(held.receipts.values()) == ["newer"]


def test_where_order_matters_a_key_goes_whole() -> None:
    """When an event is ours no more, a later one of its key must not be handled before it comes again."""
    buffer = filled("a", "b", "a", "b", ordered=True)
    assert [held.event.id for held in buffer.drop([rung(0, "a")])] == [0, 2]
    assert numbers(buffer) == [1, 3]


def test_where_it_does_not_its_neighbours_stay() -> None:
    """Without order only the lost event goes."""
    buffer = filled("a", "b", "a", "b", ordered=False)
    buffer.drop([rung(0, "a")])
    assert numbers(buffer) == [1, 2, 3]
