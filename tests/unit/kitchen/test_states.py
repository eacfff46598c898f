"""How a ticket moves over the board."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from comanda.contexts.kitchen.pages import BUTTONS, COLUMNS, due
from comanda.contexts.kitchen.states import CLOSED, MOVES, STATUSES, moves
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.kitchen import TicketMoved

FULFILMENTS: tuple[FulfilmentType, ...] = get_args(FulfilmentType)


@pytest.mark.parametrize("fulfilment", FULFILMENTS)
def test_the_usual_way_leads_from_new_to_done(fulfilment: FulfilmentType) -> None:
    """Following the first button always ends in completed; only deliveries are on their way in between."""
    way = ["waiting"]
    while step := moves(way[-1], fulfilment):  # type: ignore[arg-type]
        way.append(step[0])
    expected = ["waiting", "accepted", "preparing", "ready", "on_its_way", "completed"]
    assert way == [status for status in expected if fulfilment == "delivery" or status != "on_its_way"]


@pytest.mark.parametrize("fulfilment", FULFILMENTS)
def test_a_move_never_goes_back_and_what_is_closed_stays(fulfilment: FulfilmentType) -> None:
    """Each move goes to a status that stands later in the list; closed tickets have no moves."""
    for status in STATUSES:
        for move in moves(status, fulfilment):
            assert STATUSES.index(move) > STATUSES.index(status)
    assert all(moves(status, fulfilment) == () for status in CLOSED)


def test_food_that_is_ready_is_not_rejected() -> None:
    """Rejecting ends where the food is made."""
    rejectable = {status for status in STATUSES if "rejected" in moves(status, "delivery")}
    assert rejectable == {"waiting", "accepted", "preparing"}


def test_board_buttons_and_events_know_every_move() -> None:
    """No move is without a button or an event, no open status without a column."""
    assert set(BUTTONS) == set(MOVES) == set(get_args(TicketMoved.__annotations__["status"]))
    assert [status for status, _ in COLUMNS] == [status for status in STATUSES if status not in CLOSED]


@pytest.mark.parametrize(("minutes", "urgency"), [(-0.1, "late"), (0, "soon"), (9.9, "soon"), (10, "calm")])
def test_urgency_follows_the_time_left(minutes: float, urgency: str) -> None:
    """Under ten minutes is soon, past its time is late."""
    now = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
    assert due(now + timedelta(minutes=minutes), now).urgency == urgency
