from typing import Any

from comanda.replay.file import FileLine, FileOrder
from comanda.replay.placing import PlacedOrder
from comanda.replay.report import Report, Stored, report


def _outcome(number: int, **changes: Any) -> PlacedOrder:
    source = FileOrder(id=str(number), lines=(FileLine(name="Soup", quantity=1, choices=(), cents=500),))
    values: dict[str, Any] = {"id": f"order {number}", "total": 500, "fresh": 1, "replays": 4, "asked": 1, "tries": 6}
    return PlacedOrder(source=source, cuts=1, clicks_s=[0.01, 0.02], problems=[], **{**values, **changes})


def _report(*outcomes: PlacedOrder, stored: Stored | None = None) -> Report:
    return report(outcomes, file="f", restaurant="r", seed=1, clicks=4, seconds=2.0, stored=stored)


def test_what_went_well_is_added_up() -> None:
    """Orders, answers and requests are counted, and nothing is called wrong."""
    told = _report(_outcome(1), _outcome(2), stored=Stored(orders=2, total=1000))
    assert told.good
    assert (told.orders, told.total, told.fresh, told.replays, told.conflicts) == (2, 1000, 2, 8, 2)
    assert (told.requests, told.retried, told.orders_per_s, told.p99_ms) == (14, 0, 1.0, 20.0)


def test_an_order_too_few_is_wrong() -> None:
    """Two orders of the file that became one, or none, are told."""
    assert not _report(_outcome(1), _outcome(2, id="order 1")).good
    assert not _report(_outcome(1), _outcome(2, id=None, total=None)).good


def test_an_order_too_many_in_the_database_is_wrong() -> None:
    """What the guests were not told of is found where it is stored."""
    told = _report(_outcome(1), stored=Stored(orders=2, total=1000))
    assert told.problems == ("The database has 2 orders for 1000; the file 1 for 500.",)


def test_another_total_is_wrong() -> None:
    """A cent too much is told, even when each order was made."""
    assert not _report(_outcome(1, total=501)).good


def test_problems_are_counted_beyond_those_that_are_listed() -> None:
    """A file in which all goes wrong is told in a page, with the count of the rest."""
    told = _report(*(_outcome(number) for number in range(200)))
    assert told.good
    bad = [_outcome(number) for number in range(200)]
    for outcome in bad:
        outcome.problems.append("went wrong")
    told = _report(*bad)
    assert (told.wrong, len(told.problems)) == (200, 50)
