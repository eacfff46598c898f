"""JSON bodies, read so that whatever is sent ends in a value or in a sentence about what is wrong with it."""

import re
from typing import TypeVar

import msgspec

from comanda.engine.errors import FieldError, Refused

Value = TypeVar("Value")

MAX_BODY_BYTES = 1024 * 1024
"""No request body is larger; the answer to a larger one is 413."""

_PLACE = re.compile(r"^(?P<message>.*) - at `\$(?P<path>.*)`$", re.DOTALL)


def decode_json(decoder: msgspec.json.Decoder[Value], body: bytes) -> Value:
    """Return the value in `body`; raises `Refused`: malformed when it is no JSON, invalid when it has another shape."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        field = field_error(error)
        raise Refused(
            f"{field.path}: {field.message}" if field.path else field.message,
            kind="invalid",
            code="invalid-form",
            fields=[field],
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("The body is not valid JSON.", kind="malformed", code="malformed-json") from error


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return where msgspec found the fault (`lines.0.quantity`; empty for the whole) and its sentence."""
    text = str(error)
    found = _PLACE.match(text)
    if found is None:
        return FieldError("", text + ".")
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found["path"]).strip(".")
    return FieldError(path, found["message"] + ".")
