"""Settings out of the environment, and into that of a child."""

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from comanda.engine.errors import SettingError
from comanda.settings import Settings

PREFIX = "COMANDA_"

# Kubernetes puts the addresses of a service called `comanda` into every container: COMANDA_PORT_8000_TCP and its like.
_NOT_OURS = re.compile(r"^COMANDA_(SERVICE_(HOST|PORT)|PORT_\d+_)")

SECRETS = frozenset({"secret", "metrics_token", "payments_key", "payments_webhook_secret"})
"""Settings whose value is never shown."""

_PASSWORD = re.compile(r"(://[^:/@]*:)[^@]*@")

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$")
_SECONDS = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600, "d": 86400}


def read_settings(environ: Mapping[str, str], **chosen: object) -> Settings:
    """Return the settings: `chosen` (None is not chosen) before the environment before the defaults.

    Raises `SettingError`, one sentence, for the first value that is wrong and for variables that are no settings.
    """
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or _NOT_OURS.match(variable):
            continue
        field = fields.get(variable.removeprefix(PREFIX).lower())
        if field is None:
            raise SettingError(_unknown(variable, fields))
        values[field.name] = _converted(variable, environ[variable].strip(), field)
    for name, value in chosen.items():
        if value is not None:
            values[name] = _converted(f"--{name.replace('_', '-')}", value, fields[name])
    return Settings(**values)


def as_environ(settings: Settings) -> dict[str, str]:
    """Return the variables out of which `read_settings` reads the same settings again."""
    return {f"{PREFIX}{name.upper()}": _written(value) for name, value in msgspec.structs.asdict(settings).items()}


def hint(kind: Any) -> str:
    """Return what the type of a setting says is to be written there."""
    for note in getattr(kind, "__metadata__", ()):
        if isinstance(note, msgspec.Meta) and note.description:
            return note.description
    return "another value"


def _converted(told_as: str, value: Any, field: msgspec.structs.FieldInfo) -> Any:
    if isinstance(field.default, timedelta) and isinstance(value, str):
        found = _duration(value)
        value = value if found is None else found
    try:
        return msgspec.convert(value, field.type, strict=False, dec_hook=_decode, builtin_types=(timedelta,))
    except (msgspec.ValidationError, TypeError) as error:
        shown = "hidden" if field.name in SECRETS else repr(_PASSWORD.sub(r"\1***@", str(value)))
        raise SettingError(f"{told_as} is {shown}, which cannot be used: write {hint(field.type)}.") from error


def duration(text: str, *, told_as: str) -> timedelta:
    """Return the duration that was written as `90s`, `30m`, `2h` or `7d`. Raises `SettingError`."""
    found = _duration(text)
    if found is None:
        raise SettingError(f"{told_as} is {text!r}, which cannot be used: write a duration such as 90s, 30m or 2h.")
    return found


def _duration(text: str) -> timedelta | None:
    found = _DURATION.match(text.strip())
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]]) if found is not None else None


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value).expanduser()
    if isinstance(value, Path):
        return value
    raise TypeError(kind)


def _written(value: object) -> str:
    return f"{value.total_seconds()}s" if isinstance(value, timedelta) else str(value)


def _unknown(variable: str, fields: Mapping[str, object]) -> str:
    known = [PREFIX + name.upper() for name in fields]
    close = difflib.get_close_matches(variable, known, n=1, cutoff=0.6)
    if close:
        return f"{variable} is not a setting; did you mean {close[0]}?"
    return f"{variable} is not a setting; there are {', '.join(known)}."
