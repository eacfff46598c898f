"""The builder's form as rows, and rows as conditions, and back. Pure.

A row is at a path, `2` or `2.0` for the first one in the group at 2; its fields are named `2.0.count`, and its kind is
in `2.0.kind`. Which rows there are, and in which order, say the fields `row`. What was typed stays as it was typed
until it makes sense.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from babel.numbers import get_currency_precision

from comanda.contexts.campaigns.audience_kinds import GROUP, KINDS, MATCHES, Part
from comanda.contexts.campaigns.conditions import MAX_CONDITIONS, Attribute, Condition, Conditions, Group
from comanda.engine.errors import FieldError
from comanda.web.formats import decimal_money
from comanda.web.forms import Form

MATCH_NAMES = tuple(name for name, _ in MATCHES)
MAX_ROWS = 2 * MAX_CONDITIONS
YES = frozenset({"yes", "true", "y", "1"})
NO = frozenset({"no", "false", "n", "0"})
NUMBER_TYPES = frozenset({"integer", "number"})


@dataclass
class Row:
    """A row of the form: a condition, or a group of them.

    Attributes:
        kind: as the conditions' tags, or `group`.
        values: what stands in the fields.
        match: of a group, how its rows are joined.
        rows: of a group.
        errors: what is wrong, by field; under the empty name with the row itself.
    """

    kind: str
    values: dict[str, str] = field(default_factory=dict)
    match: str = "all"
    rows: list["Row"] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass
class Rows:
    """The whole form of conditions."""

    match: str = "all"
    rows: list[Row] = field(default_factory=list)

    def at(self, path: str) -> Row | None:
        """Return the row at a path, or None."""
        rows, row = self.rows, None
        for part in path.split("."):
            if not part.isascii() or not part.isdigit() or int(part) >= len(rows):
                return None
            row = rows[int(part)]
            rows = row.rows
        return row

    def add(self, kind: str, group: str = "") -> None:
        """Add a new row of a kind, into the group at a path where one is given. What cannot be is let be."""
        into = self.at(group) if group else None
        if group and (into is None or into.kind != GROUP or kind == GROUP):
            return
        rows = into.rows if into is not None else self.rows
        if kind == GROUP and len(self.rows) < MAX_ROWS:
            rows.append(Row(GROUP, match="any"))
        elif kind in KINDS and len(rows) < MAX_ROWS:
            rows.append(Row(kind, {part.name: _start(part) for part in KINDS[kind].parts}))

    def remove(self, path: str) -> None:
        """Take the row at a path away."""
        row, outer = self.at(path), path.rpartition(".")[0]
        holder = self.at(outer) if outer else None
        rows = holder.rows if holder is not None else self.rows
        if row is not None:
            rows[:] = [each for each in rows if each is not row]

    def blame(self, errors: Sequence[FieldError]) -> str:
        """Write errors of `conditions.of.…` to the fields that they are about; return what is about none of them."""
        rest = []
        for error in errors:
            parts = error.path.removeprefix("conditions.").split(".")
            path = ".".join(part for part in parts if part.isdigit())
            row = self.at(path) if path else None
            if row is None:
                rest.append(error.message)
            else:
                row.errors[parts[-1] if parts[-1] not in {"of", path.rpartition(".")[2]} else ""] = error.message
        return " ".join(rest)


def read_rows(form: Form) -> Rows:
    """Return the rows that were posted; rows of no kind, and more than there may be, are left out."""
    rows = Rows(match=_match(form.one("match")))
    moved: dict[str, str] = {}
    for path in form.every("row")[:MAX_ROWS]:
        kind = form.one(f"{path}.kind")
        outer = path.rpartition(".")[0]
        holder = rows.at(moved[outer]) if outer in moved else None
        if (outer and holder is None) or "." in outer:
            continue
        into = holder.rows if holder is not None else rows.rows
        if kind == GROUP and not outer:
            into.append(Row(GROUP, match=_match(form.one(f"{path}.match"))))
        elif kind in KINDS:
            into.append(Row(kind, {part.name: form.one(f"{path}.{part.name}") for part in KINDS[kind].parts}))
        else:
            continue
        place = str(len(into) - 1)
        moved[path] = f"{moved[outer]}.{place}" if outer else place
    return rows


def rows_of(conditions: Conditions, currency: str) -> Rows:
    """Return the rows that show conditions."""
    rows = [
        Row(GROUP, match=each.match, rows=[_row(inner, currency) for inner in each.of])
        if isinstance(each, Group)
        else _row(each, currency)
        for each in conditions.of
    ]
    return Rows(match=conditions.match, rows=rows)


def conditions_of(rows: Rows, *, currency: str, schema: Mapping[str, Any]) -> Conditions | None:
    """Return the conditions that the rows say; None when a field makes no sense, which its row says then."""
    found: list[Condition | Group] = []
    well = True
    for row in rows.rows:
        inner = [_condition(each, currency, schema) for each in (row.rows if row.kind == GROUP else [row])]
        good = [each for each in inner if each is not None]
        well = well and len(good) == len(inner)
        if row.kind == GROUP:
            found.append(Group(match=row.match, of=tuple(good)))  # type: ignore[arg-type]  # `_match` lets no other in
        else:
            found.extend(good)
    return Conditions(match=rows.match, of=tuple(found)) if well else None  # type: ignore[arg-type]  # as above


def _match(text: str) -> str:
    return text if text in MATCH_NAMES else "all"


def _start(part: Part) -> str:
    return part.choices[0][0] if part.choices else part.start


def _row(condition: Condition, currency: str) -> Row:
    json = msgspec.to_builtins(condition)
    row = Row(json["kind"])
    for part in KINDS[row.kind].parts:
        value = json.get(part.name)
        row.values[part.name] = _typed(part, value, currency)
    if isinstance(condition, Attribute):
        value = condition.value
        row.values["as"] = (
            "yes_no" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
        )
    return row


def _typed(part: Part, value: Any, currency: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return decimal_money(value, currency) if part.control == "amount" else str(value)


def _condition(row: Row, currency: str, schema: Mapping[str, Any]) -> Condition | None:
    json: dict[str, Any] = {"kind": row.kind}
    for part in KINDS[row.kind].parts:
        try:
            json[part.name] = _value(part, row.values[part.name], currency)
        except ValueError as error:
            row.errors[part.name] = str(error)
    if row.kind == "attribute":
        kind = json.pop("as", "text")
        try:
            json["value"] = _attribute_value(json, kind, schema)
        except ValueError as error:
            row.errors["value"] = str(error)
    if row.errors:
        return None
    try:
        condition: Condition = msgspec.convert(json, Condition)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        row.errors[path.rstrip("`")] = _plain(message)
        return None
    return condition


def _value(part: Part, text: str, currency: str) -> Any:
    """Return what was typed as JSON has it; raises `ValueError` with what to do instead."""
    if not text:
        if part.optional:
            return None if part.control != "text" else ""
        raise ValueError("Choose one." if part.control == "choice" else "This is missing.")
    if part.control == "choice" and text not in {value for value, _ in part.choices}:
        raise ValueError("Choose one.")
    if part.control == "number":
        if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - no limit is as high
            raise ValueError("Write a whole number.")
        return int(text)
    return _minor(text, currency) if part.control == "amount" else text


def _minor(text: str, currency: str) -> int:
    try:
        amount = Decimal(text.replace(",", ".") if "." not in text else text)
    except InvalidOperation as error:
        raise ValueError("Write an amount, such as 25.00.") from error
    minor = amount.scaleb(get_currency_precision(currency)) if amount.is_finite() else Decimal("0.1")
    if minor != int(minor) or not 0 <= minor <= 10**12:
        raise ValueError("Write an amount, such as 25.00.")
    return int(minor)


def _attribute_value(json: Mapping[str, Any], kind: str, schema: Mapping[str, Any]) -> Any:
    """Return the value as the restaurant's schema types it, or as was chosen where that says nothing."""
    text = json.get("value") or ""
    if json.get("how") in {"exists", "missing"}:
        return None
    properties = schema.get("properties")
    known = properties.get(json.get("name")) if isinstance(properties, dict) else None
    wanted = known.get("type") if isinstance(known, dict) else None
    if wanted in NUMBER_TYPES or (wanted is None and kind == "number"):
        try:
            number = Decimal(text.replace(",", "."))
        except InvalidOperation as error:
            raise ValueError("Write a number.") from error
        if not number.is_finite():
            raise ValueError("Write a number.")
        return int(number) if number == int(number) else float(number)
    if wanted == "boolean" or (wanted is None and kind == "yes_no"):
        if text.lower() not in YES | NO:
            raise ValueError("Write yes or no.")
        return text.lower() in YES
    return text


def _plain(message: str) -> str:
    """Return a reader's message as a person would say it."""
    text = message.replace("Expected `int` >=", "Write a number of at least").replace(
        "Expected `int` <=", "Write a number of at most"
    )
    text = text.replace("Expected `str` of length >= 1", "This is missing").replace(
        "Expected `str` of length <=", "Write fewer characters than"
    )
    return f"{text.rstrip('.')}."
