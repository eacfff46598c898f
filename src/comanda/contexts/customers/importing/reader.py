"""Reads a file of delimited lines, piece by piece, from any byte at which it once stopped. Pure: pieces are fed in.

It promises an end to whatever stands in the file: a line has a longest length, a quoted field may not run over more
than so many lines, and a quote that is never closed spoils its own line only. What is wrong is told of the record's
line; the rest goes on. Memory is bounded by a piece and the longest record.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MOST_RECORD_BYTES = 128 * 1024 - 1
"""Of a record with all its lines: no field can then be longer than Python's csv module takes."""

MOST_RECORD_LINES = 200
"""Lines that a quoted field may run over; one that runs over more was never closed."""

EXCERPT = 200
"""Characters of a line that are shown to whoever has to mend it."""

TOO_LONG = f"This line is longer than {MOST_RECORD_BYTES + 1:,} bytes."
UNCLOSED = "A quotation mark is opened here and never closed."
HAS_NUL = "There is a NUL character in this line."


class Place(NamedTuple):
    """Where a record begins: bytes from the file's beginning, and the line's number, from 1."""

    offset: int
    line: int


BEGINNING = Place(0, 1)


class Record(NamedTuple):
    """One record.

    Attributes:
        line: on which it begins.
        fields: as they stand there, without their quotes.
        fault: why it cannot be used; empty where it can.
        excerpt: its beginning; empty where it has no fault.
    """

    line: int
    fields: list[str]
    fault: str = ""
    excerpt: str = ""


class _StarvedError(Exception):
    """There is no whole line, and more may be fed."""


class _UnclosedError(Exception):
    """A quoted field goes on for longer than one can."""


@dataclass
class _Taken:
    """What a record of several lines has taken so far: up to where in the buffer, how many lines, and what is wrong."""

    at: int
    number: int = 0
    fault: str = ""


class Reader:
    """Reads records.

    Args:
        encoding: one of `encodings.KNOWN`.
        delimiter: one character.
        newline: what ends a line, a line feed or (of old Macs) a carriage return.
        place: where what is fed begins: the beginning of a record.
    """

    def __init__(self, encoding: str, delimiter: str, *, newline: str = "\n", place: Place = BEGINNING) -> None:
        self._encoding = encoding
        self._delimiter = delimiter
        self._newline = newline.encode(encoding)
        self._width = len(self._newline)
        # In the wide encodings the newline's bytes stand in other letters too.
        self._plain = self._width == 1
        self._strip = "\r\n" if newline == "\n" else newline
        self._buffer = b""
        self._at = 0
        self._base = place.offset
        self._line = place.line
        self._closed = False
        self._skipped = 0
        self._skipped_excerpt = ""

    @property
    def place(self) -> Place:
        """Where the next record begins: whatever was taken lies before."""
        return Place(self._base + self._at, self._line)

    @property
    def ended(self) -> bool:
        """Whether all was fed and taken."""
        return self._closed and self._at >= len(self._buffer) and not self._skipped

    def feed(self, piece: bytes) -> None:
        """Take in the next bytes of the file."""
        if self._skipped:
            self._skip(piece)
            return
        self._base += self._at
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0

    def close(self) -> None:
        """Say that no more bytes follow."""
        self._closed = True

    def take(self, most: int) -> list[Record]:
        """Return the next records, `most` at most; fewer where more must be fed first. Empty lines are no records."""
        return list(self._records(most))

    def _records(self, most: int) -> Iterator[Record]:
        taken = 0
        while taken < most:
            if self._plain:
                simple = self._simple(most - taken)
                taken += len(simple)
                yield from simple
                if taken >= most:
                    return
            try:
                record = self._record()
            except _StarvedError:
                return
            if record.fault or len(record.fields) > 1 or (record.fields and record.fields[0].strip()):
                taken += 1
                yield record

    def _simple(self, most: int) -> list[Record]:
        """Return the next records as long as there is nothing about them: the quick way, for nearly all lines.

        It stops before a line with a quotation mark, a NUL, a strange byte, or no end yet, for `_record` to judge.
        """
        if self._skipped:
            return []
        records: list[Record] = []
        buffer, at, line = self._buffer, self._at, self._line
        newline, delimiter, encoding, strip = self._newline, self._delimiter, self._encoding, self._strip
        while len(records) < most:
            end = buffer.find(newline, at) + 1
            raw = buffer[at:end]
            if not end or b'"' in raw or b"\0" in raw or len(raw) > MOST_RECORD_BYTES:
                break
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError:
                break
            at = end
            fields = text.rstrip(strip).split(delimiter)
            if len(fields) > 1 or fields[0].strip():
                records.append(Record(line, fields))
            line += 1
        self._at, self._line = at, line
        return records

    def _record(self) -> Record:
        """Return the record at the place and move behind it; without a move raises `_StarvedError`."""
        if self._skipped:
            return self._after_skipping()
        start, line = self._at, self._line
        end = self._end(start)
        text, fault = self._text(self._buffer[start:end])
        if not fault and '"' in text:
            return self._quoted(start, line, text)
        self._at, self._line = end, line + 1
        if fault:
            return Record(line, [], fault, text[:EXCERPT].rstrip())
        return Record(line, text.rstrip(self._strip).split(self._delimiter))

    def _quoted(self, start: int, line: int, first: str) -> Record:
        taken = _Taken(start)
        fields: list[str] = []
        fault = ""
        try:
            fields = next(csv.reader(self._lines(start, taken), delimiter=self._delimiter, strict=True))
            fault = taken.fault
        except (_UnclosedError, csv.Error) as error:
            # A quote that was never closed runs on to the next one of another record: only this line is lost, for what
            # follows may be as good as any. In a line of its own, a stray quote is a letter like others.
            if isinstance(error, csv.Error) and taken.number == 1:
                fields, fault = self._leniently(first)
            else:
                fault = UNCLOSED
            taken = _Taken(self._end(start), 1)
        self._at, self._line = taken.at, line + taken.number
        return Record(line, [] if fault else fields, fault, first[:EXCERPT].rstrip() if fault else "")

    def _leniently(self, text: str) -> tuple[list[str], str]:
        try:
            return next(csv.reader([text.rstrip(self._strip)], delimiter=self._delimiter)), ""
        except csv.Error as error:
            return [], f"This line cannot be read: {error}."

    def _lines(self, start: int, taken: _Taken) -> Iterator[str]:
        """Yield the lines of one record that may have several, as the csv module asks for them."""
        while True:
            closed = self._closed and taken.at >= len(self._buffer)
            if closed or taken.number >= MOST_RECORD_LINES:
                raise _UnclosedError
            try:
                end = self._end(taken.at)
            except _StarvedError:
                if len(self._buffer) - start > MOST_RECORD_BYTES:
                    raise _UnclosedError from None
                raise
            if end - start > MOST_RECORD_BYTES:
                raise _UnclosedError
            text, fault = self._text(self._buffer[taken.at : end])
            taken.at = end
            taken.number += 1
            taken.fault = taken.fault or fault
            # The csv module takes a lone carriage return for the end of a record, and a second record for a fault.
            yield text.replace("\r\n", "\n").replace("\r", "\n")

    def _end(self, start: int) -> int:
        """Return where the line that begins at `start` of the buffer ends, its newline included."""
        found = self._find(start)
        if found >= 0:
            end = found + self._width
        elif self._closed and start < len(self._buffer):
            end = len(self._buffer)
        elif len(self._buffer) - start > MOST_RECORD_BYTES and start == self._at:
            self._begin_skipping()
            raise _StarvedError
        else:
            raise _StarvedError
        return end

    def _find(self, start: int) -> int:
        found = self._buffer.find(self._newline, start)
        while found >= 0 and (found - start) % self._width:
            found = self._buffer.find(self._newline, found + 1)
        return found

    def _text(self, raw: bytes) -> tuple[str, str]:
        """Return a line's text and what is wrong with it."""
        if len(raw) > MOST_RECORD_BYTES:
            return raw[: 4 * EXCERPT].decode(self._encoding, errors="replace"), TOO_LONG
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            return raw.decode(
                self._encoding, errors="replace"
            ), f"There are bytes in this line that are not {self._encoding}."
        return text, HAS_NUL if "\0" in text else ""

    def _begin_skipping(self) -> None:
        """Let go a line that is too long, but for its beginning: the place stays at it until its end is found."""
        self._skipped_excerpt = self._buffer[self._at : self._at + 4 * EXCERPT].decode(self._encoding, errors="replace")
        self._base += self._at
        buffer, self._at = self._buffer[self._at :], 0
        keep = len(buffer) % self._width
        self._skipped = len(buffer) - keep
        self._buffer = buffer[len(buffer) - keep :]

    def _skip(self, piece: bytes) -> None:
        self._buffer += piece
        found = self._find(0)
        keep = len(self._buffer) - (len(self._buffer) % self._width) if found < 0 else 0
        self._skipped += keep
        self._buffer = self._buffer[keep:]

    def _after_skipping(self) -> Record:
        found = self._find(0)
        if found < 0 and not self._closed:
            raise _StarvedError
        end = len(self._buffer) if found < 0 else found + self._width
        self._base += self._skipped
        self._skipped, self._at = 0, end
        line, self._line = self._line, self._line + 1
        return Record(line, [], TOO_LONG, self._skipped_excerpt[:EXCERPT])
