"""What can keep a drill from being run; what a drill finds out is no error but its result."""

from comanda.engine.errors import ComandaError


class DrillError(ComandaError):
    """The system of the drill does not start or does not answer; the message says what to look at."""


class DrillInterrupted(ComandaError):
    """Somebody has told the drill to end before its end; nothing was counted."""
