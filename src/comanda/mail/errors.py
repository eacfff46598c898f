"""What can go wrong with a mail, sorted by what may be done next.

MailError
├── BadMessage         the message cannot be a mail: an address, a header or its size is wrong; never try again
├── TemporaryFailure   it was certainly not accepted; the same message may be accepted later
├── PermanentFailure   it was certainly not accepted, and the server says that it never will be
└── Uncertain          it was handed over, and the answer was lost: it may or may not have been accepted

Abandoned is none of them but a cancellation: of a task that was sending, after the mail was handed over.
"""

import asyncio

from comanda.engine.errors import ComandaError


class MailError(ComandaError):
    """The root of what can go wrong with a mail."""


class BadMessage(MailError):
    """The message cannot be a mail. The text says which part of it and why."""


class TemporaryFailure(MailError):
    """The message was not accepted; trying again later may help.

    Args:
        reason: the server's words, or what happened to the connection.
        code: the server's three digits, or None when it gave no answer.
        after_s: seconds to wait before the next try where that is known; else the lane's backoff.
    """

    def __init__(self, reason: str, *, code: int | None = None, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.after_s = after_s


class PermanentFailure(MailError):
    """The message was not accepted and never will be.

    Args:
        reason: the server's words.
        code: the server's three digits, or None.
    """

    def __init__(self, reason: str, *, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class Abandoned(asyncio.CancelledError):
    """The task that sent was cancelled after the whole message went out: as uncertain as `Uncertain`.

    A task that is cancelled earlier has certainly sent nothing, and gets the plain `CancelledError`.
    """


class Uncertain(MailError):
    """The whole message was handed over, and the connection broke before the answer: nobody here knows."""
