"""What stands between Kafka's client and the lane."""

import threading
from datetime import UTC, datetime

import pytest

from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.message import Place
from comanda.engine.transports.kafka.progress import Taken
from comanda.engine.transports.kafka.windows import MOST, Missing, Windows

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
WAIT_S = 10.0


def event(number: int, offset: int, *, shard: int = 0, epoch: int = 1, payload: str = "{}") -> LoggedEvent:
    """Return the event at a position of the log, and at an offset of Kafka."""
    return LoggedEvent(shard, number, number, AT, 1, "test.Rung", "bell", payload, None, Place(epoch, offset + 1))


def opened(*shards: int, offset: int | None = 0) -> Windows:
    """Return windows on these shards."""
    windows = Windows()
    for shard in shards:
        windows.open(Taken(shard, 1, (0, 0), offset))
    return windows


def numbers(events: list[LoggedEvent]) -> list[int]:
    """Return the events' positions."""
    return [each.position for each in events]


def test_what_was_published_before_is_not_let_in() -> None:
    """Whatever a relay repeats, and from where: each event comes once, in the log's order."""
    windows = opened(0)
    for offset, number in enumerate([1, 2, 3, 2, 3, 4, 1, 2, 3, 4, 5]):
        windows.put(event(number, offset), wanted=True)
    assert numbers(windows.read(100)) == [1, 2, 3, 4, 5]


def test_what_lies_behind_the_cursor_is_not_let_in() -> None:
    """A topic that is read from its beginning brings what had its effect long ago, by another carrier perhaps."""
    windows = Windows()
    windows.open(Taken(0, 1, (3, 3), None))
    for number in (1, 2, 3, 4):
        windows.put(event(number, number + 70), wanted=True)
    assert numbers(windows.read(100)) == [4]


def test_a_gap_is_not_passed_over() -> None:
    """What Kafka has deleted before we read it is missed, and what follows waits."""
    windows = opened(0, offset=5)
    windows.put(event(1, 5), wanted=True)
    for _ in range(2):
        with pytest.raises(Missing):
            windows.put(event(3, 7), wanted=True)
    assert numbers(windows.read(100)) == [1]


def test_what_was_read_and_not_acknowledged_is_read_again() -> None:
    """Until it is acknowledged; then what follows it."""
    windows = opened(0)
    for number in (1, 2, 3):
        windows.put(event(number, number - 1), wanted=True)
    assert numbers(windows.read(2)) == [1, 2]
    lent = windows.read(2)
    assert numbers(lent) == [1, 2]
    windows.acknowledge(lent[:1])
    assert numbers(windows.read(2)) == [2, 3]


def test_no_partition_waits_for_another() -> None:
    """A full window does not keep the others from being read."""
    windows = opened(0, 1, 2)
    for shard in (0, 1, 2):
        for number in range(10):
            windows.put(event(number + 1, number, shard=shard), wanted=True)
    assert {each.shard for _ in range(3) for each in windows.read(5)} == {0, 1, 2}


def test_a_window_is_bounded() -> None:
    """So many events, or so many bytes, and the client is to stop; once half is handled, it goes on."""
    windows = opened(0)
    for number in range(MOST):
        assert not windows.full
        windows.put(event(number + 1, number), wanted=True)
    assert windows.full
    roomy = []
    for count in (MOST // 2 - 1, 1):
        windows.acknowledge(windows.read(count))
        roomy.append(windows.roomy)
    assert roomy == [False, True]
    windows.drop([0])
    windows.open(Taken(0, 2, (0, 0), 0))
    windows.put(event(1, 0, epoch=2, payload="x" * 17_000_000), wanted=True)
    assert windows.full


def test_a_new_epoch_lets_nothing_old_in() -> None:
    """What was fetched for an earlier lease is not taken for the new one's."""
    windows = opened(0)
    windows.open(Taken(0, 2, (0, 0), 0))
    assert not windows.put(event(1, 0, epoch=1), wanted=True)
    assert windows.put(event(1, 0, epoch=2), wanted=True)


def test_a_partition_that_is_given_up_waits_for_what_the_lane_is_at() -> None:
    """Closing keeps what was lent, forgets the rest, and returns when the lane is done with it."""
    windows = opened(0)
    for number in (1, 2, 3):
        windows.put(event(number, number - 1), wanted=True)
    lent = windows.read(2)
    closed: list[bool] = []
    thread = threading.Thread(target=lambda: closed.append(windows.close([0], WAIT_S)))
    thread.start()
    windows.acknowledge(lent[:1])
    assert not closed
    windows.acknowledge(lent[1:])
    thread.join()
    assert closed == [True]
    assert windows.read(10) == []


def test_a_lane_that_does_not_finish_is_not_waited_for() -> None:
    """The time is over: whoever asked is told that the lane is still at it."""
    windows = opened(0)
    windows.put(event(1, 0), wanted=True)
    windows.read(1)
    assert not windows.close([0], 0.01)
    assert windows.drop([0])
    assert not windows.drop([0])


def test_what_a_lane_does_not_want_is_passed_by() -> None:
    """The cursor can be moved past it, once all before it was handled."""
    windows = opened(0)
    windows.put(event(1, 0), wanted=True)
    windows.put(event(2, 1), wanted=False)
    assert windows.passed_by() == {}
    windows.acknowledge(windows.read(1))
    tips = windows.passed_by()
    assert tips == {0: (2, 2, Place(1, 2))}
    windows.moved(tips)
    assert windows.passed_by() == {}
    windows.put(event(3, 2), wanted=False)
    windows.moved(tips)
    assert windows.passed_by() == {0: (3, 3, Place(1, 3))}
