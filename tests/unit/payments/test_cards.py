"""The sandbox's test cards."""

from pathlib import Path

from comanda.contexts.payments.sandbox.cards import CARDS, GOOD, UNKNOWN, card_of, table


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def test_numbers_pass_a_card_form() -> None:
    """Each number has its check digit right, so that a form which checks it lets it through."""
    assert [card.number for card in CARDS if not _luhn(card.number)] == []


def test_numbers_and_names_are_unique() -> None:
    """No two cards share a number or a name."""
    assert len({card.number for card in CARDS} | {card.name for card in CARDS}) == 2 * len(CARDS)


def test_a_card_is_found_as_people_write_it() -> None:
    """By number with spaces or dashes, and by name; nothing at all is the good card, anything else is none."""
    assert card_of("4242 4242 4242 4242") is card_of("4242-4242-4242-4242") is card_of("pm_card_visa") is GOOD
    assert card_of("") is GOOD
    assert card_of("4242") is UNKNOWN
    assert card_of("pm_card_vis") is UNKNOWN


def test_the_table_lists_every_card() -> None:
    """The documentation's table has a row for each card."""
    assert all(card.number in table() for card in CARDS)


def test_the_documentation_has_this_table() -> None:
    """The page on payments cannot drift from the cards."""
    page = (Path(__file__).parents[3] / "docs" / "payments.md").read_text()
    assert page.partition("<!-- cards -->\n")[2].partition("\n<!-- /cards -->")[0] == table()
