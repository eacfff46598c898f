"""One mail in hand: how far its transaction has come, and what may be said of it when the connection ends there."""

from typing import Any

from comanda.mail.pipeline.outcome import Kind, Outcome, Step
from comanda.mail.pipeline.outgoing import Outgoing
from comanda.mail.pipeline.replies import Reply

KINDS: dict[int, Kind] = {2: "accepted", 4: "refused_for_now", 5: "refused_for_good"}
"""What the first digit of a reply says of the mail."""


class Transaction:
    """One mail in hand.

    Attributes:
        refusal: the first refusal of any step, or None.
        recipient_taken: the server has accepted RCPT.
        handed_over: the content and its final dot are with the transport; until the reply nobody knows its fate.
        end_at: octets of the connection that have gone out when its final dot has.
        told: its outcome has been reported.
    """

    __slots__ = (
        "content",
        "end_at",
        "handed_over",
        "mail",
        "mail_command",
        "rcpt_command",
        "recipient_taken",
        "refusal",
        "told",
    )

    def __init__(self, mail: Outgoing[Any], mail_command: bytes, rcpt_command: bytes, content: bytes) -> None:
        self.mail = mail
        self.mail_command = mail_command
        self.rcpt_command = rcpt_command
        self.content = content
        self.refusal: Outcome | None = None
        self.recipient_taken = False
        self.handed_over = False
        self.end_at = 0
        self.told = False

    def refuse(self, step: Step, reply: Reply) -> None:
        """Take note of a refusal; the first one counts, for those behind it only follow from it."""
        if self.refusal is None:
            self.refusal = outcome(step, reply)

    def lost(self, reason: str) -> Outcome:
        """Return what is known when the connection ends now."""
        if self.refusal is not None:
            return self.refusal
        if self.handed_over:
            return Outcome("uncertain", f"The answer to the mail was lost. {reason}")
        return Outcome("unsent", reason)


def outcome(step: Step, reply: Reply) -> Outcome:
    """Return what a 2xx, 4xx or 5xx reply says of the mail."""
    return Outcome(KINDS[reply.code // 100], str(reply), reply.code, reply.enhanced, step)
