"""What became of a mail, as far as this side of the connection can know."""

from typing import Literal, NamedTuple

Step = Literal["MAIL", "RCPT", "DATA", "content", "RSET", "dot"]
"""What a reply answers; `dot` is the lone dot that takes back a DATA which no recipient stands behind."""

Kind = Literal["accepted", "refused_for_now", "refused_for_good", "unsent", "uncertain"]


class Outcome(NamedTuple):
    """What became of one mail.

    Attributes:
        kind: `accepted` by the server; `refused_for_now` (4xx) and `refused_for_good` (5xx, or a mail that cannot go to
            this server): certainly not accepted; `unsent`: certainly not handed over, through no fault of the mail;
            `uncertain`: it was handed over whole and the answer was lost.
        text: the server's words, or what happened.
        code: the server's three digits, or None when the words are not the server's.
        enhanced: its enhanced status code (RFC 3463), as `5.1.1`, where it gave one.
        step: what the server answered to; None when the words are not the server's.
    """

    kind: Kind
    text: str
    code: int | None = None
    enhanced: str | None = None
    step: Step | None = None
