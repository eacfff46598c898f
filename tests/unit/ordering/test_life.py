"""The table of moves: what an order can become, and what it never can."""

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.states import FORGOTTEN, GIVES_BACK, MOVES, STATUSES, Status, may_move


def reachable(status: Status) -> set[Status]:
    """Return every status an order can still come to."""
    found: set[Status] = set()
    border = set(MOVES[status])
    while border:
        found |= border
        border = {after for before in border for after in MOVES[before]} - found
    return found


def test_every_status_but_the_first_can_be_reached() -> None:
    """No status is there for nothing."""
    assert reachable("placed") == set(STATUSES) - {"placed"}


def test_no_order_goes_round_in_circles() -> None:
    """A life has no way back, so that every event of it happens once."""
    assert all(status not in reachable(status) for status in STATUSES)


def test_nothing_is_cooked_before_it_is_paid() -> None:
    """The kitchen's statuses are reached through paid alone."""
    assert MOVES["placed"] == {"paid", "payment_failed", "cancelled"}


def test_what_gave_back_its_stock_is_never_cooked() -> None:
    """An order that ended stays ended: at most its money goes back."""
    for status in GIVES_BACK:
        assert reachable(status) <= {"refunded"}


def test_an_order_that_came_to_nothing_is_not_asked_about() -> None:
    """Forgotten are those from which no meal can come."""
    assert {status for status in STATUSES if not reachable(status) - {"refunded"}} - {"completed"} == FORGOTTEN


@given(current=st.sampled_from(STATUSES), kind=st.sampled_from(["pickup", "dine_in"]))
def test_only_a_delivery_is_on_its_way(current: Status, kind: str) -> None:
    """A pizza that is picked up never travels."""
    assert not may_move(current, "on_its_way", kind)  # type: ignore[arg-type]  # one of the two
    assert may_move("ready", "on_its_way", "delivery")
