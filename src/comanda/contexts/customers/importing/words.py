"""What people write into columns of consent and of times, read. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

YES = frozenset(
    """
    yes y true t 1 x on ja j wahr oui o vrai si s sim verdadeiro vero verdadero granted given confirmed subscribed
    active opted-in opt-in optin in aktiv abonniert bestätigt abonné inscrit iscritto suscrito inscrito ✓ ✔ check
    checked accepted agreed sí sì double-opt-in""".split()  # noqa: SIM905 - a list of words reads so
) | {"opted in", "opt in", "double opt in"}
NO = frozenset(
    """
    no n false f 0 off nein falsch non faux não nao falso withdrawn revoked unsubscribed inactive opted-out opt-out
    optout out inaktiv abgemeldet widerrufen désabonné désinscrit disiscritto baja cancelado cancelled bounced cleaned
    declined denied rejected ✗ ✘""".split()  # noqa: SIM905
) | {"opted out", "opt out"}

UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb]"
)
"""What has no place in a name: it hides what a reader should see. In a file it is dropped: nobody is there to ask."""

_DATE = re.compile(
    r"(\d{1,4})\s*[-./]\s*(\d{1,2})\s*[-./]\s*(\d{2,4})"
    r"(?:[ T,]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?\s*([ap]\.?m\.?)?)?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"\d{10}|\d{13}")


@lru_cache(maxsize=1024)
def said(value: str) -> bool | None:
    """Return whether a value says yes or no; raises `ValueError` where it says neither, None where it is empty."""
    word = value.strip().casefold()
    if not word:
        return None
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError(value)


@lru_cache(maxsize=4096)
def moment(value: str, zone: str, *, day_first: bool) -> datetime:
    """Return the instant that is written, in UTC.

    Args:
        value: ISO 8601, a date with points, strokes or dashes and perhaps a time, or seconds since 1970.
        zone: whose clock it is, where the value does not say.
        day_first: whether the day stands before the month.

    Raises `ValueError` where it is none.
    """
    text = value.strip()
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    except ValueError:
        at = _written(text, day_first=day_first)
    if at.tzinfo is None:
        at = at.replace(tzinfo=known_zone(zone) or UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(value) from error


def _written(text: str, *, day_first: bool) -> datetime:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, second, third, hour, minute, second_s, half = found.groups()
    if len(first) == 4:  # noqa: PLR2004 - a year
        year, month, day = int(first), int(second), int(third)
    else:
        month, day = (int(second), int(first)) if day_first or int(first) > 12 else (int(first), int(second))  # noqa: PLR2004
        year = int(third) + (2000 if len(third) == 2 else 0)  # noqa: PLR2004
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower().startswith("p") else 0)
    return datetime(year, month, day, hours, int(minute or 0), int(second_s or 0))  # noqa: DTZ001 - the zone comes after


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of that name in the IANA database, or None."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def tidy(value: str, most: int) -> str:
    """Return a text on one line, without white space around it and what cannot be seen, `most` characters at most."""
    if not value.isascii() or not value.isprintable():
        value = UNSEEN.sub("", value.replace("\n", " ").replace("\t", " ").replace("\r", " "))
    return " ".join(value.split())[:most]
