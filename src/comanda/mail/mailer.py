"""The port through which mails leave the house."""

from dataclasses import dataclass
from typing import Literal, Protocol

from comanda.mail.message import MailMessage

Fate = Literal["accepted", "not_accepted", "unknown"]
"""What is known of a mail that may have been sent before."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The server has taken the mail over.

    Attributes:
        answer: the server's words, or where else the knowledge came from.
        sent_now: False when the mail had been accepted before and was not sent again.
        in_doubt: it was sent without knowing whether it had been accepted before.
    """

    answer: str
    sent_now: bool = True
    in_doubt: bool = False


class Mailer(Protocol):
    """A way to send mails. A service: `start` before the first `send`; many `send` may be under way at a time."""

    async def start(self) -> None:
        """Become ready. Does not need the server to be up."""
        ...

    async def stop(self) -> None:
        """Close what is open."""
        ...

    async def send(self, message: MailMessage) -> Accepted:
        """Hand the message over, to all its recipients or to none.

        Raises:
            TemporaryFailure: it was certainly not accepted; try again later.
            PermanentFailure: it was certainly not accepted, and never will be.
            Uncertain: it was handed over whole or in part, and the answer was lost.
            BadMessage: it cannot be a mail.
            Abandoned: the caller was cancelled when it had been handed over.
        """
        ...

    async def look_up(self, message_id: str) -> Fate:
        """Return what the other side knows of a mail; `unknown` where it has no way to be asked.

        Raises:
            TemporaryFailure: it can be asked and does not answer now.
        """
        ...

    async def ping(self) -> None:
        """Raise `Unavailable` when the server does not answer now."""
        ...
