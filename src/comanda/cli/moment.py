"""Times as people write them on a command line."""

from datetime import UTC, datetime

from comanda.engine.clock import Clock
from comanda.engine.errors import SettingError
from comanda.environment import duration


def moment(text: str, clock: Clock, *, told_as: str) -> datetime:
    """Return the time that was written in ISO 8601, in UTC where it names no zone, or as how long ago: `2h`, `30m`.

    Raises `SettingError`.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    try:
        return clock.now() - duration(text, told_as=told_as)
    except SettingError as error:
        raise SettingError(
            f"{told_as} is {text!r}, which is no time: write 2h or 30m for how long ago, or a date and time such as "
            "2026-11-24T18:30 (in UTC) or 2026-11-24T18:30+01:00."
        ) from error
