"""Merge fields: what a mail says of the one who reads it, `{{ first_name | there }}`. Pure.

A field has a name and, behind a bar, what stands there where nothing is known of the recipient. Names are those of
`KNOWN`, or `attributes.` and the name of a custom attribute. What looks like a field and is none is told at saving.
"""

import difflib
import html
import re
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from babel.dates import format_date

from comanda.engine.errors import FieldError
from comanda.web.formats import DEFAULT_LOCALE

KNOWN: Mapping[str, str] = {
    "first_name": "the first word of the name",
    "name": "the whole name",
    "email": "the address",
    "orders": "how often they have ordered",
    "last_order": "the day of their last order",
    "restaurant": "the restaurant's name",
    "coupon_code": "the recipient's own coupon",
}
"""What a marketer may write, and what it says."""

ATTRIBUTE = "attributes."

OWN = frozenset({"unsubscribe_url", "view_url", "pixel_url"})
"""What only the frame around a mail writes; `link_1`, `link_2` … are of this kind too."""

MOST_FALLBACK = 200
"""Characters of a fallback."""
MOST_VALUE = 500
"""Characters of a recipient's value that a mail says; what is longer is cut off."""

FIELD = re.compile(
    r"(?<!\{)\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)[ \t]*"
    r"(?:\|(?P<fallback>[^{}|<>\r\n]*))?\}\}(?!\})"
)
_BRACES = re.compile(r"\{\{.{0,60}", re.DOTALL)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINK = re.compile(r"link_[1-9][0-9]*")


class MergeField(NamedTuple):
    """A field as it stands in a text: from `start` to `end`."""

    name: str
    fallback: str
    start: int
    end: int


class Reader(Protocol):
    """Whom a mail is for, as far as merge fields say anything of them; `recipient.Recipient` is one."""

    @property
    def email(self) -> str:
        """The address."""
        ...

    @property
    def name(self) -> str:
        """The whole name; empty where unknown."""
        ...

    @property
    def attributes(self) -> dict[str, Any]:
        """The custom attributes."""
        ...

    @property
    def orders(self) -> int:
        """How many orders they have paid."""
        ...

    @property
    def last_order_at(self) -> datetime | None:
        """When the last of them was placed."""
        ...


def fields_in(text: str) -> Iterator[MergeField]:
    """Return the fields of a text, in their order."""
    for found in FIELD.finditer(text):
        yield MergeField(found["name"], (found["fallback"] or "").strip(), found.start(), found.end())


def faults_in(text: str, path: str, *, allowed: bool = True) -> list[FieldError]:
    """Return what is wrong with the fields of a text that stands at `path`.

    Args:
        text: what was written.
        path: where: `blocks.2.text`.
        allowed: False where no field can stand, as in a link.
    """
    faults = []
    if not allowed:
        return (
            [FieldError(path, "There can be no merge field here: it is the same for everybody.")]
            if "{{" in text
            else []
        )
    for field in fields_in(text):
        if not is_known(field.name):
            faults.append(FieldError(path, _unknown(field.name)))
        elif len(field.fallback) > MOST_FALLBACK:
            faults.append(FieldError(path, f"What stands in for {field.name} has {MOST_FALLBACK} characters at most."))
    for loose in _BRACES.findall(FIELD.sub("", text)):
        shown = " ".join(loose.split())[:30]
        faults.append(FieldError(path, f"{shown!r} is no merge field; write it as {{{{ first_name | there }}}}."))
    return faults


def is_known(name: str) -> bool:
    """Whether a marketer may write this name."""
    return name in KNOWN or (name.startswith(ATTRIBUTE) and name.count(".") == 1)


def is_own(name: str) -> bool:
    """Whether the name is one of the frame's own."""
    return name in OWN or _LINK.fullmatch(name) is not None


def without_fields(text: str) -> str:
    """Return a text that is not a marketer's (a dish's name) so that nothing in it can be taken for a field."""
    return text.replace("{{", "{ {").replace("{{", "{ {")


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str] | None = None) -> str:
    """Return the text with its fields filled in.

    Where a value is missing or empty the fallback stands in. `escape` is applied to both, for HTML as `html.escape`.
    """

    def filled(found: re.Match[str]) -> str:
        value = values.get(found["name"]) or (found["fallback"] or "").strip()
        return value if escape is None else escape(value)

    return FIELD.sub(filled, text)


def fill_html(text: str, values: Mapping[str, str]) -> str:
    """Return HTML with its fields filled in, all values and fallbacks escaped."""
    return fill(text, values, html.escape)


def values_of(
    reader: Reader,
    *,
    restaurant: str,
    coupon_code: str = "",
    locale: str = DEFAULT_LOCALE,
    only: Container[str] | None = None,
) -> dict[str, str]:
    """Return what the fields say for one recipient; on one line each, without marks that turn what follows around.

    `only` names the fields that are asked for; those that cost much, the date and attributes, are left out otherwise.
    """
    name = one_line(reader.name)
    values = {
        "first_name": name.partition(" ")[0],
        "name": name,
        "email": one_line(reader.email),
        "orders": str(reader.orders),
        "restaurant": one_line(restaurant),
        "coupon_code": coupon_code,
    }
    if only is None or "last_order" in only:
        at = reader.last_order_at
        values["last_order"] = "" if at is None else format_date(at, "long", locale=locale)
    for key, value in reader.attributes.items():
        if only is None or ATTRIBUTE + key in only:
            values[ATTRIBUTE + key] = one_line(_words(value))
    return values


def one_line(text: str) -> str:
    """Return what somebody wrote on one line of `MOST_VALUE` characters at most."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()[:MOST_VALUE]


def _words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_words(each) for each in value)
        case dict():
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), [*KNOWN, ATTRIBUTE + name], n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(KNOWN)} and {ATTRIBUTE}…"
    return f"There is no merge field {name}: {advice}"
