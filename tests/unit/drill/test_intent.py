"""What the guests of a drill want follows from the seed, and no two want it under one address."""

from pathlib import Path

import msgspec

from comanda.drill.intent import ITEMS, Intent, Record, Said, intent_of
from comanda.engine.clock import SystemClock

MANY = 1000


def _intents(seed: int) -> list[Intent]:
    return [intent_of(seed, place, restaurant="drill") for place in range(1, MANY + 1)]


def test_the_same_seed_makes_the_same_guests_and_another_others() -> None:
    """A plan that is tried again meets the same intents."""
    assert _intents(7) == _intents(7)
    assert intent_of(7, 1, restaurant="drill") != intent_of(8, 1, restaurant="drill")


def test_a_mail_s_recipient_tells_whose_it_is() -> None:
    """Addresses and keys are all different, or what arrived could not be counted from outside."""
    intents = _intents(7)
    assert len({intent.email for intent in intents}) == len({intent.key for intent in intents}) == MANY


def test_guests_agree_to_the_price_of_what_they_order() -> None:
    """The total is the lines', so that another charge is seen."""
    prices = dict(ITEMS)
    for intent in _intents(7)[:200]:
        form = msgspec.json.decode(intent.form)
        assert sum(prices[line["item"]] * line["quantity"] for line in form["lines"]) == intent.total
        assert form["expected_total"] == intent.total


def test_guests_are_of_every_sort() -> None:
    """Some click four times, lose a connection, reload, leave, are declined; who was declined does not reload."""
    intents = _intents(7)
    assert {intent.clicks for intent in intents} == {1, 2, 3, 4}
    for sort in ("cuts", "reloads", "leaves", "declined"):
        assert MANY / 20 < sum(getattr(intent, sort) for intent in intents) < MANY / 2, sort
    assert not any(intent.declined and intent.reloads for intent in intents)


def test_what_was_written_down_is_read_again(tmp_path: Path) -> None:
    """The guests' record is a file of its own, outside of the system."""
    record = Record(tmp_path / "guests.jsonl")
    intents = _intents(7)[:3]
    intents[0].story.append(Said(at=SystemClock().now(), what="clicks"))
    for intent in intents:
        record.add(intent)
    assert list(record.read()) == intents
