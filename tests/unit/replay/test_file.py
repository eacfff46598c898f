from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.replay.errors import ReplayError
from comanda.replay.file import choices_of, read_orders

HEADER = "order_id\tquantity\titem_name\tchoice_description\titem_price\n"


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "orders.tsv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


def test_lines_of_one_order_are_gathered_wherever_they_stand(tmp_path: Path) -> None:
    """An order is all lines of its id; its price is the sum of theirs, each for all of its quantity."""
    orders = read_orders(
        _file(tmp_path, "1\t2\tSoup\tNULL\t$4.50 ", "2\t1\tBun\tNULL\t$1 ", "1\t1\tTea\t[Mint]\t$2.39 ")
    )
    assert [(order.id, order.cents) for order in orders] == [("1", 689), ("2", 100)]
    assert [(line.name, line.quantity, line.choices) for line in orders[0].lines] == [
        ("Soup", 2, ()),
        ("Tea", 1, ("Mint",)),
    ]


@pytest.mark.parametrize(
    ("description", "choices"),
    [
        ("NULL", ()),
        ("[Clementine]", ("Clementine",)),
        ("[Fresh Salsa (Mild), [Rice, Sour Cream]]", ("Fresh Salsa (Mild)", "Rice", "Sour Cream")),
        ("[[A, B], [A]]", ("A", "B", "A")),
    ],
)
def test_choices_are_named_in_nested_brackets(description: str, choices: tuple[str, ...]) -> None:
    """Brackets group choices and are no part of them; a choice named twice is chosen twice."""
    assert choices_of(description) == choices


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=1))
def test_choices_come_back_as_they_were_written(names: list[str]) -> None:
    """Whatever is written between brackets and commas is a choice, in its order."""
    assert list(choices_of("[" + ", ".join(names) + "]")) == names


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1\tmany\tSoup\tNULL\t$1.00", "Line 2"),
        ("1\t0\tSoup\tNULL\t$1.00", "Line 2"),
        ("1\t1\tSoup\tNULL\t-$1.00", "is not a price"),
        ("1\t1\tSoup\tNULL\t$1.5", "is not a price"),
        ("1\t1\tSoup", "Line 2"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, told: str) -> None:
    """No line is skipped in silence: what cannot be read stops the replay before it begins."""
    with pytest.raises(ReplayError, match=told):
        read_orders(_file(tmp_path, line))


def test_a_file_without_orders_or_columns_is_refused(tmp_path: Path) -> None:
    """What holds no orders is told, and so is what is no file of orders."""
    with pytest.raises(ReplayError, match="0 orders"):
        read_orders(_file(tmp_path))
    other = tmp_path / "other.tsv"
    other.write_text("a\tb\n1\t2\n")
    with pytest.raises(ReplayError, match="no column choice_description"):
        read_orders(other)
    with pytest.raises(ReplayError, match="cannot be read"):
        read_orders(tmp_path / "missing.tsv")


def test_the_real_file_is_read_whole(shared_data: Path) -> None:
    """A thousand orders, to the cent."""
    orders = read_orders(shared_data / "orders.tsv")
    assert (len(orders), sum(order.cents for order in orders)) == (1000, 1_879_640)
