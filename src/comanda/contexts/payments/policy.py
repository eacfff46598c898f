"""When a call is tried again, when it is looked up instead, and when it is given up."""

from datetime import datetime, timedelta

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How payments treat what they do not know.

    Attributes:
        tries: calls that the lane makes, with backoff between them; after that reconciliation has the payment.
        quiet_s: a look-up's "no such charge" is believed only so long after the last call: one may still be on its way.
        recheck_most_s: reconciliation looks at an open payment again when it has been open for twice as long as at
            the last look, not before `quiet_s` and at most this late.
        give_up_s: a charge is not sent any more so long after it was first sent; nobody wants to pay tomorrow for
            today's lunch. A refund is never given up.
        key_share: the part of the provider's key window in which a key is trusted; the rest is for clocks that differ.
    """

    tries: int = 5
    quiet_s: float = 30.0
    recheck_most_s: float = 900.0
    give_up_s: float = 3600.0
    key_share: float = 0.9

    def key_trusted(self, first_sent_at: datetime, now: datetime, *, key_window_s: float) -> bool:
        """Whether the provider still knows a key first used then: sending again is absorbed by it."""
        return now < first_sent_at + timedelta(seconds=key_window_s * self.key_share)

    def charge_sendable(self, first_sent_at: datetime, now: datetime, *, key_window_s: float) -> bool:
        """Whether a charge first sent then may still be sent."""
        trusted = self.key_trusted(first_sent_at, now, key_window_s=key_window_s)
        return trusted and now < first_sent_at + timedelta(seconds=self.give_up_s)

    def check_at(self, now: datetime, first_sent_at: datetime | None) -> datetime:
        """Return when a payment or refund that is open now is looked up; `first_sent_at` is None where it is sent now.

        It waits as long again as it has been open. Its attempts do not tell how long to wait: when workers die one
        after the other, each of them counts one within a minute.
        """
        open_s = 0.0 if first_sent_at is None else (now - first_sent_at).total_seconds()
        return now + timedelta(seconds=max(min(open_s, self.recheck_most_s), self.quiet_s))
