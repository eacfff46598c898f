"""Request bodies: how large they may be, and where a fault in one is."""

import re

import msgspec

from comanda.engine.errors import FieldError

MAX_BODY_BYTES = 1024 * 1024
"""No request body is larger; the answer to a larger one is 413."""

_PLACE = re.compile(r"^(?P<message>.*) - at `\$(?P<path>.*)`$", re.DOTALL)


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return where msgspec found the fault (`lines.0.quantity`; empty for the whole) and its sentence."""
    text = str(error)
    found = _PLACE.match(text)
    if found is None:
        return FieldError("", text + ".")
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found["path"]).strip(".")
    return FieldError(path, found["message"] + ".")
