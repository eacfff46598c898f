"""What can go wrong before the first mail.

TemporaryFailure (comanda.mail.errors)
└── CannotConnect    no session with the server: none of this is a mail's fault, and no mail was begun
"""

from typing import Literal

from comanda.mail.errors import TemporaryFailure

Cause = Literal["name", "connection", "time", "certificate", "tls", "greeting", "dialogue", "log_in"]
"""What failed: the host's name has no address; nobody listens, or the connection broke; no answer in time; the server's
certificate is not to be trusted; no TLS; the server sends us away; it does not speak SMTP; it does not let us in."""


class CannotConnect(TemporaryFailure):
    """There is no session with the server. The message says what happened and what the operator can do.

    Args:
        reason: a sentence or two.
        cause: what failed.
        code: the server's three digits, or None when it gave no answer.
    """

    def __init__(self, reason: str, *, cause: Cause, code: int | None = None) -> None:
        super().__init__(reason, code=code)
        self.cause: Cause = cause
