"""How a file is laid out, judged by a sample: encoding, delimiter, heading, what the columns hold. Pure.

All of it is a guess that a person sees, with the first rows, and may correct before anything is written.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from comanda.contexts.customers.importing.encodings import KNOWN, encoding_of
from comanda.contexts.customers.importing.headers import MANY, ROLES, WORDS, Role, attribute_name, plain, roles_of
from comanda.contexts.customers.importing.reader import Place, Reader, Record
from comanda.contracts.contact import clean_email
from comanda.engine.errors import FieldError, Refused

DELIMITERS = ",;\t|"

JUDGED_ROWS = 100
SHOWN_ROWS = 10

MOST_COLUMNS = 200

SEPARATOR_LINE = "sep="
"""Excel's own first line, which names the delimiter and is no heading."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read.

    Attributes:
        encoding: one of `encodings.KNOWN`.
        delimiter: one character.
        newline: what ends a line.
        columns: their headings, or `Column 1` and so on where there are none.
        roles: what each column holds, as many as there are columns.
        names: under which name an attribute is kept, as many as there are columns.
        day_first: whether `03/04/2025` is in April.
    """

    encoding: str
    delimiter: str
    newline: str
    columns: tuple[str, ...]
    roles: tuple[Role, ...]
    names: tuple[str, ...]
    day_first: bool = True

    def column_of(self, role: Role) -> int | None:
        """Return the number of the column of that role, from 0."""
        return self.roles.index(role) if role in self.roles else None


class Preview(NamedTuple):
    """What a sample shows.

    Attributes:
        layout: how the file seems to be laid out.
        place: where the first row begins, behind mark and heading.
        rows: the first rows.
    """

    layout: Layout
    place: Place
    rows: list[Record]


def preview(sample: bytes, *, elsewhere: bytes = b"", delimiter: str = "", encoding: str = "") -> Preview:
    """Return how a file seems to be laid out.

    Args:
        sample: its beginning.
        elsewhere: whole lines from other places of the file: accents may come late.
        delimiter: where somebody has said which it is.
        encoding: likewise.

    Raises `Refused` where there is nothing to read, or an encoding or delimiter that is none.
    """
    if encoding and encoding not in KNOWN:
        raise Refused(f"There is no encoding {encoding!r} here.", kind="invalid", code="import-encoding")
    if delimiter and delimiter not in DELIMITERS:
        raise Refused(
            "Columns are separated by a comma, a semicolon, a tab or a bar.", kind="invalid", code="import-delimiter"
        )
    found = encoding_of(sample if not elsewhere else sample + b"\n" + elsewhere)
    name = encoding or found.name
    start = Place(found.mark_bytes, 1)
    text = sample[start.offset :].decode(name, errors="replace")
    newline = "\n" if "\n" in text or "\r" not in text else "\r"
    first_line = text.partition(newline)[0].strip("\r")
    if first_line.lower().startswith(SEPARATOR_LINE) and first_line[4:] and first_line[4] in DELIMITERS:
        delimiter = delimiter or first_line[4]
        start = Place(start.offset + len(text.partition(newline)[0].encode(name)) + len(newline.encode(name)), 2)
    judged = {one: _judged(sample, name, one, newline, start) for one in (delimiter or DELIMITERS)}
    best = max(judged, key=lambda one: _regularity(judged[one]))
    records = judged[best]
    if not records:
        raise Refused("There is not one line in this file that could be read.", kind="invalid", code="import-empty")
    return _laid_out(records, sample, start, encoding=name, delimiter=best, newline=newline)


def check_roles(roles: Sequence[str]) -> None:
    """Raise `Refused` where the roles cannot be: one column has the addresses, and no other role stands there twice."""
    errors = [
        FieldError(f"roles.{number}", "There is no such role.")
        for number, role in enumerate(roles)
        if role not in ROLES
    ]
    if roles.count("email") != 1:
        errors.append(FieldError("roles", "Say which one column holds the e-mail addresses."))
    twice = [role for role, times in Counter(roles).items() if times > 1 and role not in (*MANY, "email")]
    errors += [FieldError("roles", f"Only one column can be the {role.replace('_', ' ')}.") for role in twice]
    if errors:
        raise Refused(errors[0].message, kind="invalid", code="import-mapping", fields=errors)


def _judged(sample: bytes, encoding: str, delimiter: str, newline: str, start: Place) -> list[Record]:
    reader = Reader(encoding, delimiter, newline=newline, place=start)
    reader.feed(sample[start.offset :])
    records = reader.take(JUDGED_ROWS + 1)
    if not records:
        reader.close()  # One line without an end is a file too.
        records = reader.take(1)
    return records


def _regularity(records: Sequence[Record]) -> tuple[float, int, int]:
    """Return how well a delimiter fits: the share of rows of the usual width, the cells that make sense, the width."""
    rows = [record.fields for record in records if not record.fault]
    widths = Counter(len(row) for row in rows)
    if not widths:
        return (0.0, 0, 0)
    width, times = max(widths.items(), key=lambda item: (item[1], item[0]))
    headings = sum(plain(field) in WORDS for field in rows[0])
    addresses = sum(clean_email(field) is not None for row in rows for field in row)
    # A delimiter that stands nowhere gives one column everywhere; that is the last resort.
    return (round(times / len(records), 1) if width > 1 else 0.0, headings + addresses, width)


def _laid_out(
    records: list[Record], sample: bytes, start: Place, *, encoding: str, delimiter: str, newline: str
) -> Preview:
    heading = next((record for record in records if not record.fault), records[0])
    has_heading = not any(clean_email(field) for field in heading.fields)
    width = max(len(record.fields) for record in records)
    if width > MOST_COLUMNS:
        raise Refused(f"There are more than {MOST_COLUMNS} columns.", kind="invalid", code="import-columns")
    place = start
    if has_heading:
        reader = Reader(encoding, delimiter, newline=newline, place=start)
        reader.feed(sample[start.offset :])
        if not reader.take(records.index(heading) + 1):
            reader.close()
            reader.take(1)
        place = reader.place
        columns = [" ".join(field.split())[:100] for field in heading.fields]
    else:
        columns = []
    rows = records[records.index(heading) + 1 :] if has_heading else records
    good = [record.fields for record in rows if not record.fault]
    columns += [f"Column {number + 1}" for number in range(len(columns), width)] if not has_heading else []
    roles = roles_of(columns if has_heading else [""] * width, good)
    names: list[str] = []
    for number, column in enumerate(columns):
        name = attribute_name(column) or f"column_{number + 1}"
        names.append(name if name not in names else f"{name[:90]}_{number + 1}")
    layout = Layout(
        encoding=encoding,
        delimiter=delimiter,
        newline=newline,
        columns=tuple(columns),
        roles=tuple(roles),
        names=tuple(names),
        day_first=_day_first(good, roles),
    )
    return Preview(layout, place, rows[:SHOWN_ROWS])


def _day_first(rows: Sequence[Sequence[str]], roles: Sequence[Role]) -> bool:
    """Whether dates with strokes have the day in front; months in front show by days above 12 behind them."""
    if "consent_at" not in roles:
        return True
    at = roles.index("consent_at")
    for row in rows:
        parts = row[at].split("/") if at < len(row) else []
        if len(parts) == 3 and parts[0].strip().isdigit() and parts[1].strip().isdigit():  # noqa: PLR2004 - a date
            if int(parts[0]) > 12:  # noqa: PLR2004 - months of a year
                return True
            if int(parts[1]) > 12:  # noqa: PLR2004
                return False
    return True
