"""What can be wrong with a replay before the first order is placed."""

from comanda.engine.errors import ComandaError


class ReplayError(ComandaError):
    """The file cannot be read, or nobody takes its orders; the message says what to do about it."""
