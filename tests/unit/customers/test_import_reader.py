"""The reader of strangers' files comes to an end of whatever they hold, and can stop and go on anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.customers.importing.reader import (
    HAS_NUL,
    MOST_RECORD_BYTES,
    MOST_RECORD_LINES,
    TOO_LONG,
    UNCLOSED,
    Place,
    Reader,
    Record,
)

PIECES = (1, 7, 1000, 10_000_000)


def read(data: bytes, *, encoding: str = "utf-8", delimiter: str = ",", piece: int = 1000) -> list[Record]:
    """Read a whole file in pieces of that size."""
    reader = Reader(encoding, delimiter)
    records = []
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
        records += reader.take(1_000_000)
    reader.close()
    records += reader.take(1_000_000)
    assert reader.ended
    assert reader.place.offset == len(data)
    return records


def told(records: list[Record]) -> list[tuple[int, list[str], str]]:
    """Return the records without their excerpts."""
    return [(record.line, record.fields, record.fault) for record in records]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252"])
def test_quotes_may_hold_delimiters_lines_and_quotes(encoding: str, piece: int) -> None:
    """A quoted field runs over lines, and the lines after it keep their numbers."""
    text = 'a,b\r\n"x\r\ny, ""z""",ü\r\n\r\nc,d'
    assert told(read(text.encode(encoding), encoding=encoding, piece=piece)) == [
        (1, ["a", "b"], ""),
        (2, ['x\ny, "z"', "ü"], ""),
        (5, ["c", "d"], ""),
    ]


@pytest.mark.parametrize("piece", PIECES)
def test_letters_that_contain_the_newlines_byte_end_no_line(piece: int) -> None:
    """In UTF-16 the byte 10 stands in other letters, also across the border of two."""
    text = "a\u010ab,\u0a00c\n\u0a0a,d\n"
    records = read(text.encode("utf-16-le"), encoding="utf-16-le", piece=piece)
    assert [record.fields for record in records] == [["a\u010ab", "\u0a00c"], ["\u0a0a", "d"]]


@pytest.mark.parametrize("piece", PIECES)
def test_a_quote_that_is_never_closed_spoils_its_own_line_only(piece: int) -> None:
    """Neither the next record's quotes nor the file's end make a record of many lines out of it."""
    data = b'one,"open\ntwo,2\n"th""ree",3\nfour,"open again\nfive,5\n'
    assert told(read(data, piece=piece)) == [
        (1, [], UNCLOSED),
        (2, ["two", "2"], ""),
        (3, ['th"ree', "3"], ""),
        (4, [], UNCLOSED),
        (5, ["five", "5"], ""),
    ]


def test_a_quoted_field_has_a_most_of_lines() -> None:
    """One that runs over more is taken for unclosed, and its lines are read each for itself."""
    good = '"' + "line\n" * (MOST_RECORD_LINES - 1) + 'end",1\n'
    bad = '"' + "line\n" * MOST_RECORD_LINES + 'end",1\n'
    assert [record.fault for record in read(good.encode())] == [""]
    assert [record.fault for record in read(bad.encode())][:2] == [UNCLOSED, ""]


@pytest.mark.parametrize("piece", PIECES[2:])
def test_a_megabyte_in_one_field_is_refused_and_passed_by(piece: int) -> None:
    """Quoted or not, and whatever size of piece it arrives in, memory stays small and the next line is read."""
    data = b"a,b\n" + b"x" * 1_000_000 + b"\nc,d\n" + b'"' + b"y" * 1_000_000 + b'",1\ne,f\n' + b"z" * 1_000_000
    assert told(read(data, piece=piece)) == [
        (1, ["a", "b"], ""),
        (2, [], TOO_LONG),
        (3, ["c", "d"], ""),
        (4, [], TOO_LONG),
        (5, ["e", "f"], ""),
        (6, [], TOO_LONG),
    ]


def test_a_line_that_is_too_long_is_not_kept_in_memory() -> None:
    """A gigabyte without a newline costs its beginning: the reader holds a piece at most, and its place stays."""
    reader = Reader("utf-8", ",")
    reader.feed(b"a,b\n")
    assert len(reader.take(9)) == 1
    for _ in range(100):
        reader.feed(b"x" * 100_000)
        assert reader.take(9) == []
        assert len(reader._buffer) <= MOST_RECORD_BYTES + 100_000  # noqa: SLF001 - it is about what is kept
    assert reader.place == Place(4, 2)
    reader.feed(b"x\nc,d\n")
    assert told(reader.take(9)) == [(2, [], TOO_LONG), (3, ["c", "d"], "")]


def test_bytes_of_another_encoding_and_zeros_spoil_their_line_only() -> None:
    """What is wrong is told of the line, with a beginning of it that can be shown."""
    records = read(b'a,b\nM\xfcller,c\nx\0y,d\n"M\xfcller\ntwo",e\nf,g\n')
    assert [(record.line, bool(record.fault)) for record in records] == [
        (1, False), (2, True), (3, True), (4, True), (5, False), (6, False)
    ]  # fmt: skip
    assert records[1].excerpt == "M\ufffdller,c"
    assert records[2].fault == HAS_NUL


def test_old_macs_end_lines_with_a_carriage_return() -> None:
    """Such a file has no line feed at all."""
    reader = Reader("utf-8", ",", newline="\r")
    reader.feed(b'a,b\r"c\rd",e\r')
    reader.close()
    assert [record.fields for record in reader.take(9)] == [["a", "b"], ["c\nd", "e"]]


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@given(
    rows=st.lists(st.lists(FIELD, min_size=2, max_size=4), max_size=12),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    piece=st.integers(1, 50),
    stops=st.integers(1, 3),
)
def test_what_a_writer_wrote_is_read_from_every_stop(
    rows: list[list[str]], encoding: str, piece: int, stops: int
) -> None:
    """Whatever stands in the fields, and wherever the reader stopped and another goes on, no row is lost or changed."""
    text = "".join(",".join('"' + field.replace('"', '""') + '"' for field in row) + "\n" for row in rows)
    data = text.encode(encoding)
    reader, fed, found = Reader(encoding, ","), 0, []
    while not reader.ended:
        taken = reader.take(stops)
        found += [record.fields for record in taken]
        if taken:
            fed = reader.place.offset
            reader = Reader(encoding, ",", place=reader.place)
        elif fed < len(data):
            reader.feed(data[fed : fed + piece])
            fed += piece
        else:
            reader.close()
    assert found == rows


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_come_to_an_end(data: bytes, piece: int) -> None:
    """Nothing makes it stumble or stand still, and the size of the pieces makes no difference."""
    assert read(data, piece=piece) == read(data, piece=1000)


@given(st.text('ab",\n', max_size=60), st.integers(1, 9))
def test_any_quotes_come_to_an_end(text: str, piece: int) -> None:
    """Quotes in all places, in pieces or whole, are read the same."""
    assert read(text.encode(), piece=piece) == read(text.encode(), piece=1000)
