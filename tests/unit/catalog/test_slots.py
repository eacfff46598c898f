"""Kitchen slots, and the due times that a guest can choose."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.catalog.slots import choices, due, slot_of
from comanda.contracts.catalog import Trading, Window
from comanda.engine.errors import FieldError

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = Trading(
    hours=(Window(start="18:00", end="20:00"),), lead_minutes={"pickup": 20}, slot_minutes=30, days_ahead=2
)
NOON = datetime(2025, 5, 9, 10, 0, tzinfo=UTC)
"""Friday noon in Berlin."""


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given a zone
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.sampled_from([5, 10, 15, 20, 30, 60]),
)
def test_every_instant_lies_in_one_slot(instant: datetime, name: str, length: int) -> None:
    """A slot contains the instant, and its own start belongs to it, through every change of the clock."""
    trading, zone = Trading(slot_minutes=length), ZoneInfo(name)
    slot = slot_of(trading, zone, instant)
    assert slot <= instant < slot + timedelta(minutes=length)
    assert slot_of(trading, zone, slot) == slot


def test_slots_start_at_round_times_of_the_wall_clock() -> None:
    """In a zone of +05:45, quarter hours are quarter hours."""
    nepal = ZoneInfo("Asia/Kathmandu")
    slot = slot_of(Trading(slot_minutes=60), nepal, NOON)
    assert slot.astimezone(nepal).minute == 0


def test_choices_are_open_not_too_soon_and_not_too_far() -> None:
    """A guest at noon sees the evening's slots of today and tomorrow, and not those of the day after next's evening."""
    found = [slot.astimezone(BERLIN).strftime("%d %H:%M") for slot in choices(EVENING, BERLIN, "pickup", NOON)]
    assert found == [f"{day} {time}" for day in ("09", "10") for time in ("18:00", "18:30", "19:00", "19:30")]


def test_the_lead_time_hides_slots_that_could_not_be_kept() -> None:
    """At 18:15 with 20 minutes of lead, 19:00 is the first slot."""
    found = choices(EVENING, BERLIN, "pickup", datetime(2025, 5, 9, 16, 15, tzinfo=UTC))
    assert found[0] == datetime(2025, 5, 9, 17, 0, tzinfo=UTC)


def test_every_choice_can_be_ordered() -> None:
    """What is offered is accepted."""
    for choice in choices(EVENING, BERLIN, "pickup", NOON):
        assert due(EVENING, BERLIN, "pickup", choice, NOON) == choice


def test_an_always_open_restaurant_offers_each_slot_once() -> None:
    """Windows that touch at midnight do not offer midnight twice."""
    found = choices(Trading(days_ahead=2), BERLIN, "pickup", NOON)
    assert len(found) == len(set(found))
    assert sorted(found) == found
    assert datetime(2025, 5, 9, 22, 0, tzinfo=UTC) in found


def test_as_soon_as_possible_needs_an_open_restaurant() -> None:
    """Open: now and the lead time. Closed: a sentence that says when it opens."""
    open_now = datetime(2025, 5, 9, 17, 0, tzinfo=UTC)
    assert due(EVENING, BERLIN, "pickup", None, open_now) == open_now + timedelta(minutes=20)
    closed = due(EVENING, BERLIN, "pickup", None, NOON)
    assert isinstance(closed, FieldError)
    assert "2025-05-09 18:00" in closed.message


def test_times_too_soon_too_far_and_closed_are_refused() -> None:
    """Each is refused with a sentence, also at the ends of time."""
    for wanted in (
        NOON + timedelta(minutes=5),
        NOON + timedelta(days=3),
        NOON + timedelta(hours=3),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
    ):
        assert isinstance(due(EVENING, BERLIN, "pickup", wanted, NOON), FieldError)
