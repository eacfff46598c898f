"""Makes customers of records: each value in its one form, what is wrong told by line and column. Pure.

A record without a good address is left out, as is one with too many columns: its values may stand in the wrong ones.
Any other value that cannot be read is left out alone, and the customer is taken without it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.customers.importing.layout import Layout
from comanda.contexts.customers.importing.reader import EXCERPT, Record
from comanda.contexts.customers.importing.words import known_zone, moment, said, tidy
from comanda.contracts.attributes import attribute_errors
from comanda.contracts.contact import clean_email, clean_phone
from comanda.contracts.customers import customer_id
from comanda.engine.idempotency import Seals

MOST_NAME = 200
MOST_SOURCE = 200
MOST_ATTRIBUTE = 1_000

MOST_KNOWN_ATTRIBUTES = 4_096
"""Different sets of attributes whose verdict by the restaurant's schema is remembered."""


class Line(msgspec.Struct, gc=False):
    """A customer as a line of the file has them; what is empty was not said.

    Attributes:
        line: the number of the (last) line.
        id: as an order of that address would have it.
        consent: given (True), withdrawn (False), or not spoken of.
        consent_at: when it was given or withdrawn, in UTC; where not said, when the import was begun.
        merged: how many lines of the same chunk went into this one beside it.
    """

    line: int
    id: UUID
    email: str
    name: str = ""
    phone: str = ""
    timezone: str = ""
    consent: bool | None = None
    consent_at: datetime | None = None
    consent_source: str = ""
    attributes: dict[str, Any] = {}
    merged: int = 0


class Problem(NamedTuple):
    """What is wrong with a line (`column` empty: it was left out), or with one value in it, which was left out."""

    line: int
    column: str
    text: str
    excerpt: str

    @property
    def refused(self) -> bool:
        """Whether the whole line was left out."""
        return not self.column


class Cleaned(NamedTuple):
    """What became of some records.

    Attributes:
        lines: customers, each address once, in the order of their first lines.
        problems: in the order of the lines.
        rows: records that were looked at.
        refused: those left out.
    """

    lines: list[Line]
    problems: list[Problem]
    rows: int
    refused: int


class Surroundings(NamedTuple):
    """What else a file's values depend on.

    Attributes:
        country: ISO 3166, for phone numbers without a country code.
        timezone: the restaurant's, for times without one.
        schema: the restaurant's JSON Schema for customers' attributes; empty where there is none.
        begun_at: when the import was begun.
        source: of consent where the line does not say: the import's name.
    """

    restaurant_id: UUID
    country: str
    timezone: str
    schema: Mapping[str, object]
    begun_at: datetime
    source: str


class Cleaner:
    """Cleans the records of one file."""

    def __init__(self, layout: Layout, around: Surroundings, seals: Seals) -> None:
        self._layout = layout
        self._around = around
        self._seals = seals
        self._restaurant_id = around.restaurant_id
        self._width = len(layout.columns)
        self._email = layout.column_of("email") or 0
        self._name = layout.column_of("name")
        self._first = layout.column_of("first_name")
        self._last = layout.column_of("last_name")
        self._phone = layout.column_of("phone")
        self._consent = layout.column_of("consent")
        self._consent_at = layout.column_of("consent_at")
        self._consent_source = layout.column_of("consent_source")
        self._timezone = layout.column_of("timezone")
        self._attributes = [number for number, role in enumerate(layout.roles) if role == "attribute"]
        self._types = _types(around.schema)
        self._verdicts: dict[tuple[tuple[str, Any], ...], list[tuple[str, str]]] = {}

    def clean(self, records: Iterable[Record]) -> Cleaned:
        """Return the customers in the records, lines of the same address merged."""
        by_email: dict[str, Line] = {}
        problems: list[Problem] = []
        rows = refused = 0
        for record in records:
            rows += 1
            line = self._line(record, problems)
            if line is None:
                refused += 1
                continue
            earlier = by_email.get(line.email)
            if earlier is None:
                by_email[line.email] = line
            else:
                merge(earlier, line)
        return Cleaned(list(by_email.values()), problems, rows, refused)

    def _line(self, record: Record, problems: list[Problem]) -> Line | None:
        fields = record.fields
        if record.fault:
            problems.append(Problem(record.line, "", record.fault, seen(record.excerpt)))
            return None
        width = len(fields)
        if width != self._width:  # Rows shorter than the heading are filled up: spreadsheets leave out empty ends.
            if width > self._width and any(field.strip() for field in fields[self._width :]):
                text = f"There are {width} columns in this line, and {self._width} in the heading."
                problems.append(Problem(record.line, "", text, self._excerpt(fields)))
                return None
            fields = [*fields[: self._width], *[""] * (self._width - width)]
        written = fields[self._email]
        email = clean_email(written)
        if email is None or "\n" in written:
            text = "This is no e-mail address." if written.strip() else "There is no e-mail address in this line."
            problems.append(Problem(record.line, "", text, self._excerpt(fields)))
            return None
        line = Line(record.line, customer_id(self._seals, self._restaurant_id, email), email, self._full_name(fields))
        if self._phone is not None and fields[self._phone].strip():
            self._take_phone(line, fields[self._phone], problems)
        if self._consent is not None or self._consent_at is not None:
            self._take_consent(line, fields, problems)
        if self._timezone is not None and fields[self._timezone].strip():
            self._take_zone(line, fields[self._timezone].strip(), problems)
        if self._attributes:
            self._take_attributes(line, fields, problems)
        return line

    def _full_name(self, fields: list[str]) -> str:
        if self._name is not None and (whole := tidy(fields[self._name], MOST_NAME)):
            return whole
        parts = [fields[number] for number in (self._first, self._last) if number is not None]
        return tidy(" ".join(parts), MOST_NAME) if parts else ""

    def _take_phone(self, line: Line, written: str, problems: list[Problem]) -> None:
        phone = clean_phone(written, self._around.country)
        if phone is None:
            self._left_out(line, self._phone, "This is no phone number.", written, problems)
        else:
            line.phone = phone

    def _take_consent(self, line: Line, fields: list[str], problems: list[Problem]) -> None:
        written_at = fields[self._consent_at].strip() if self._consent_at is not None else ""
        if written_at:
            try:
                line.consent_at = moment(written_at, self._around.timezone, day_first=self._layout.day_first)
            except ValueError:
                self._left_out(line, self._consent_at, "This is no date.", written_at, problems)
            else:
                # Nobody has consented in the future; such a time is a slip, and would outrank a real withdrawal.
                line.consent_at = min(line.consent_at, self._around.begun_at)
        if self._consent is None:
            # A time of consent and no other column: who has one has consented.
            line.consent = True if line.consent_at is not None else None
        else:
            try:
                line.consent = said(fields[self._consent])
            except ValueError:
                written = fields[self._consent]
                self._left_out(line, self._consent, "This says neither yes nor no to mails.", written, problems)
        if line.consent is None:
            line.consent_at = None
            return
        line.consent_at = line.consent_at or self._around.begun_at
        line.consent_source = self._around.source
        if self._consent_source is not None:
            line.consent_source = tidy(fields[self._consent_source], MOST_SOURCE) or self._around.source

    def _take_zone(self, line: Line, written: str, problems: list[Problem]) -> None:
        if known_zone(written) is None:
            self._left_out(line, self._timezone, "There is no such time zone (Europe/Rome is one).", written, problems)
        else:
            line.timezone = written

    def _take_attributes(self, line: Line, fields: list[str], problems: list[Problem]) -> None:
        names = self._layout.names
        taken: dict[str, Any] = {}
        for number in self._attributes:
            if value := tidy(fields[number], MOST_ATTRIBUTE):
                name = names[number]
                taken[name] = _typed(value, self._types[name]) if name in self._types else value
        if taken and self._around.schema:
            written = {names[number]: fields[number] for number in self._attributes}
            for name, text in self._verdict(taken):
                taken.pop(name, None)
                place = names.index(name) if name in names else None
                self._left_out(line, place, text, written.get(name, ""), problems)
        line.attributes = taken

    def _verdict(self, attributes: dict[str, Any]) -> list[tuple[str, str]]:
        """Return what the schema has against the attributes: names and sentences. A missing one is no fault here."""
        key = tuple(attributes.items())
        known = self._verdicts.get(key)
        if known is None:
            partial = {name: value for name, value in self._around.schema.items() if name != "required"}
            known = [
                (error.path.split(".")[1], error.message)
                for error in attribute_errors(attributes, partial, "a")
                if "." in error.path
            ]
            if len(self._verdicts) >= MOST_KNOWN_ATTRIBUTES:
                self._verdicts.clear()
            self._verdicts[key] = known
        return known

    def _left_out(self, line: Line, column: int | None, text: str, written: str, problems: list[Problem]) -> None:
        heading = self._layout.columns[column] if column is not None else ""
        problems.append(Problem(line.line, heading or f"Column {(column or 0) + 1}", text, seen(written)))

    def _excerpt(self, fields: list[str]) -> str:
        return seen(self._layout.delimiter.join(fields))


def merge(earlier: Line, later: Line) -> None:
    """Put a later line of the same address into an earlier one: what it says counts, what it leaves empty does not.

    Consent stays given unless the later line withdraws it.
    """
    earlier.line = later.line
    earlier.merged += 1 + later.merged
    earlier.name = later.name or earlier.name
    earlier.phone = later.phone or earlier.phone
    earlier.timezone = later.timezone or earlier.timezone
    if later.consent is not None:
        earlier.consent = later.consent
        earlier.consent_at = later.consent_at
        earlier.consent_source = later.consent_source
    if later.attributes:
        earlier.attributes = {**earlier.attributes, **later.attributes}


def seen(text: str) -> str:
    """Return the beginning of a line as a page can show it and a database can store it."""
    return text[:EXCERPT].replace("\0", "␀").encode("utf-8", errors="replace").decode()


def _types(schema: Mapping[str, object]) -> dict[str, str]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: str(one["type"]) for name, one in properties.items() if isinstance(one, dict) and "type" in one}


def _typed(value: str, kind: str) -> Any:
    """Return a value as the schema's type, where it can be one: a file knows texts only."""
    try:
        if kind == "integer":
            return int(value)
        if kind == "number":
            return float(value.replace(",", "."))
        if kind == "boolean":
            return said(value)
    except ValueError:
        return value
    return value
