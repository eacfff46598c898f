"""The filter of parked events as a form's and an address's fields."""

from collections.abc import Mapping, Sequence

from comanda.engine.errors import Refused
from comanda.engine.lanes.parked_desk import ParkedFilter, State
from comanda.web.forms import Form

FIELDS = ("which", "event", "key", "error")
MAX_LENGTH = 500


def filter_fields(form: Form) -> dict[str, str]:
    """Return the filter's fields of a form."""
    return {field: form.one(field) for field in FIELDS}


def chosen_by(lane: str, fields: Mapping[str, str], ids: Sequence[str] | None = None) -> ParkedFilter:
    """Return the filter that the fields say, and the ids where events were ticked. Raises `Refused` for odd ones."""
    if any(len(value) > MAX_LENGTH or "\0" in value for value in fields.values()):
        raise Refused("This cannot be looked for.", kind="invalid", code="filter-invalid")
    return ParkedFilter(
        lane=lane,
        state=_state(fields.get("which", "")),
        name=fields.get("event") or None,
        key=fields.get("key") or None,
        error=fields.get("error") or None,
        ids=None if ids is None else tuple(_number(text) for text in ids),
    )


def _state(text: str) -> State | None:
    if text == "dead":
        return "dead"
    if text == "waiting":
        return "waiting"
    if text:
        raise Refused("Parked events are waiting or dead.", kind="invalid", code="state-unknown")
    return None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise Refused("An event's id is a number.", kind="invalid", code="event-invalid")
    return int(text)
