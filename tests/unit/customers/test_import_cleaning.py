"""Records become customers: values in their one form, faults told by line and column, lines of an address merged."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.customers.importing.cleaning import Cleaned, Cleaner, Line, Surroundings
from comanda.contexts.customers.importing.layout import Layout, preview
from comanda.contexts.customers.importing.reader import Reader, Record
from comanda.contexts.customers.importing.words import moment, said, tidy
from comanda.contracts.customers import customer_id
from comanda.engine.idempotency import Seals

BEGUN = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
SEALS = Seals(b"s" * 32)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"visits": {"type": "integer", "minimum": 0}, "vip": {"type": "boolean"}},
    "additionalProperties": False,
    "required": ["visits"],
}


def cleaner(layout: Layout, schema: dict[str, object] | None = None) -> Cleaner:
    """Return a cleaner for a German restaurant's list."""
    around = Surroundings(UUID(int=1), "DE", "Europe/Berlin", schema or {}, BEGUN, "list.csv")
    return Cleaner(layout, around, SEALS)


def clean(text: str, schema: dict[str, object] | None = None) -> Cleaned:
    """Clean a whole file."""
    data = text.encode()
    seen = preview(data)
    reader = Reader(seen.layout.encoding, seen.layout.delimiter, place=seen.place)
    reader.feed(data[seen.place.offset :])
    reader.close()
    return cleaner(seen.layout, schema).clean(reader.take(10_000))


def test_a_customer_has_the_id_that_an_order_would_give() -> None:
    """Address, name and phone come out in their one form."""
    (line,) = clean("email,first name,last name,phone\n Ann@EXAMPLE.com ,Ann, Lee\u200b ,0170 1234567\n").lines
    assert line == Line(
        2, customer_id(SEALS, UUID(int=1), "ann@example.com"), "ann@example.com", "Ann Lee", "+491701234567"
    )


def test_bad_lines_are_left_out_and_told() -> None:
    """No address, a bad one, too many columns: the line, the reason and its beginning; the others are taken."""
    cleaned = clean('email,name\nann@x.com,Ann\n,Bob\nnobody,Cy\nd@x.com,D,E\ne@x.com,E,\nf@x.com\n"g@x.com\n",G\n')
    assert [line.email for line in cleaned.lines] == ["ann@x.com", "e@x.com", "f@x.com"]
    assert [(problem.line, problem.text, problem.excerpt) for problem in cleaned.problems] == [
        (3, "There is no e-mail address in this line.", ",Bob"),
        (4, "This is no e-mail address.", "nobody,Cy"),
        (5, "There are 3 columns in this line, and 2 in the heading.", "d@x.com,D,E"),
        (8, "This is no e-mail address.", "g@x.com\n,G"),
    ]
    assert (cleaned.rows, cleaned.refused) == (7, 4)
    assert all(problem.refused for problem in cleaned.problems)


def test_a_bad_value_is_left_out_alone() -> None:
    """The customer is taken without it, and the column is named."""
    cleaned = clean("email,phone,consent,opt-in date,timezone\nann@x.com,call me,perhaps,yesterday,Rome\n")
    assert [line.email for line in cleaned.lines] == ["ann@x.com"]
    assert [(problem.column, problem.refused) for problem in cleaned.problems] == [
        ("phone", False), ("opt-in date", False), ("consent", False), ("timezone", False)
    ]  # fmt: skip
    (line,) = cleaned.lines
    assert (line.phone, line.consent, line.consent_at, line.timezone) == ("", None, None, "")


def test_lines_of_one_address_are_merged() -> None:
    """Later values win where there are any; consent stays given unless it is withdrawn later."""
    text = (
        "email,name,phone,newsletter,Dish\na@x.com,Ann,0170 1234567,yes,pizza\nA@X.com,,,,\na@x.com,Ann Lee,,{},soup\n"
    )
    (line,) = clean(text.format("")).lines
    assert (line.name, line.phone, line.consent, line.merged) == ("Ann Lee", "+491701234567", True, 2)
    assert line.attributes == {"dish": "soup"}
    (line,) = clean(text.format("no")).lines
    assert line.consent is False


def test_consent_has_a_time_and_a_source() -> None:
    """The line's own where it says so; else the import's. A time in the future is today's."""
    cleaned = clean(
        "email,consent,opt-in date,source\n"
        "a@x.com,ja,03.04.2025 10:00,fair\nb@x.com,yes,,\nc@x.com,yes,2031-01-01,\nd@x.com,,2025-01-01,\n"
    )
    told = [(line.consent, line.consent_at, line.consent_source) for line in cleaned.lines]
    assert told == [
        (True, datetime(2025, 4, 3, 8, 0, tzinfo=UTC), "fair"),
        (True, BEGUN, "list.csv"),
        (True, BEGUN, "list.csv"),
        (None, None, ""),
    ]
    (line,) = clean("email,opt-in date\na@x.com,2025-01-01T00:00:00Z\n").lines
    assert (line.consent, line.consent_at) == (True, datetime(2025, 1, 1, tzinfo=UTC))


def test_attributes_are_held_to_the_restaurants_schema() -> None:
    """Texts become what the schema wants; what it does not take is left out and told; nothing is required of a file."""
    cleaned = clean("email,visits,vip,dish\na@x.com,3,yes,\nb@x.com,-1,no,\nc@x.com,many,,soup\nd@x.com,,,\n", SCHEMA)
    assert [line.attributes for line in cleaned.lines] == [{"visits": 3, "vip": True}, {"vip": False}, {}, {}]
    assert [(problem.line, problem.column) for problem in cleaned.problems] == [
        (3, "visits"),
        (4, "visits"),
        (4, "dish"),
    ]
    (line,) = clean("email,visits,vip,dish\na@x.com,3,yes,soup\n").lines
    assert line.attributes == {"visits": "3", "vip": "yes", "dish": "soup"}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("2025-04-03", datetime(2025, 4, 2, 22, tzinfo=UTC)),
        ("2025-04-03T10:00:00+02:00", datetime(2025, 4, 3, 8, tzinfo=UTC)),
        ("03/04/2025 10:00 PM", datetime(2025, 4, 3, 20, tzinfo=UTC)),
        ("3.4.25", datetime(2025, 4, 2, 22, tzinfo=UTC)),
        ("04/25/2025", datetime(2025, 4, 24, 22, tzinfo=UTC)),
        ("1743638400", datetime(2025, 4, 3, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_write_them(written: str, known: datetime) -> None:
    """On the restaurant's clock, where they do not say whose."""
    try:
        found = moment(written, "Europe/Berlin", day_first=True)
    except ValueError:
        found = moment(written, "Europe/Berlin", day_first=False)
    assert found == known


@given(st.text(max_size=30))
def test_no_text_makes_the_readers_of_values_stumble(text: str) -> None:
    """They say what it is, or `ValueError`."""
    for read in (said, lambda value: moment(value, "Europe/Rome", day_first=True)):
        try:
            read(text)
        except ValueError:
            continue
    assert "\0" not in tidy(text, 10)


@given(rows=st.lists(st.lists(st.text(max_size=12), max_size=5), max_size=8))
def test_no_record_makes_the_cleaner_stumble(rows: list[list[str]]) -> None:
    """Whatever stands in it, a record is taken or told of, and what is kept can be stored."""
    layout = Layout(
        encoding="utf-8", delimiter=",", newline="\n", columns=("E", "P", "C", "X"), names=("e", "p", "c", "x"),
        roles=("email", "phone", "consent", "attribute"),
    )  # fmt: skip
    records = [Record(number, row) for number, row in enumerate(rows, start=2)]
    cleaned = cleaner(layout).clean(records)
    assert sum(1 + line.merged for line in cleaned.lines) + cleaned.refused == len(rows) == cleaned.rows
    for problem in cleaned.problems:
        problem.excerpt.encode()
        assert "\0" not in problem.excerpt


def test_a_verdict_is_remembered_without_an_end_of_memory() -> None:
    """A column in which each value is another does not fill the memory."""
    layout: Any = preview(b"email,visits\na@x.com,1\n").layout
    judge = cleaner(layout, SCHEMA)
    cleaned = judge.clean(Record(n, [f"a{n}@x.com", str(n)]) for n in range(5_000))
    assert len(cleaned.lines) == 5_000
    assert len(judge._verdicts) <= 4_096  # noqa: SLF001 - it is about what is kept
