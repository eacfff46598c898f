"""Forms as browsers post them, read so that nothing odd gets past: limits, encoding, NUL.

The gate (`web/gate.py`) reads and checks each form once; handlers take it with `form_of(request)`.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from comanda.engine.errors import FieldError, Refused

MAX_FIELDS = 1000
MAX_NAME_LENGTH = 200
MAX_VALUE_LENGTH = 20_000

FORM = "comanda_form"
"""Where the gate leaves the form in the request's state."""


class Form:
    """The fields of a form, in their order; a name may stand there more than once."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def one(self, name: str, default: str = "") -> str:
        """Return the field's first value without the white space around it."""
        values = self._fields.get(name)
        return values[0].strip() if values else default

    def secret(self, name: str) -> str:
        """Return the field's first value exactly as it was typed: for passwords."""
        return self._fields.get(name, [""])[0]

    def every(self, name: str) -> list[str]:
        """Return all values of the field."""
        return self._fields.get(name, [])

    def integer(self, name: str, default: int | None = None) -> int:
        """Return the field as a whole number; raises `Refused` (invalid) when it is none.

        A missing or empty field gives `default`; without a default it must be there.
        """
        text = self.one(name)
        if not text and default is not None:
            return default
        if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 18:  # noqa: PLR2004 - fits 64 bits
            raise refused_field(name, "Please enter a whole number.")
        return int(text)


def refused_field(name: str, message: str) -> Refused:
    """Return the refusal of one field."""
    return Refused(message, kind="invalid", code="invalid-form", fields=[FieldError(name, message)])


def parse_form(body: bytes) -> Form:
    """Return the form in an `application/x-www-form-urlencoded` body; raises `Refused` when it cannot be one."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise Refused("The form could not be read.", kind="malformed", code="malformed-form") from error
    return Form(_checked(name, value) for name, value in pairs)


def form_of(request: Request[Any, Any, Any]) -> Form:
    """Return the form that came with the request; an empty one where none came."""
    form = request.scope["state"].get(FORM)
    return form if isinstance(form, Form) else Form()


def _checked(name: str, value: str) -> tuple[str, str]:
    if len(name) > MAX_NAME_LENGTH or "\0" in name:
        raise Refused("The form could not be read.", kind="malformed", code="malformed-form")
    if len(value) > MAX_VALUE_LENGTH:
        raise refused_field(name, "This is too long.")
    if "\0" in value:
        raise refused_field(name, "This contains a character that cannot be stored.")
    return name, value.replace("\r\n", "\n")
