"""The root of Comanda's errors.

ComandaError
├── SettingError          a setting is wrong; the message says which and what to write instead
├── Unavailable           a backing service does not answer now; trying again later may help
├── Refused               what was asked cannot be done, and the asker can do something about it
├── Fenced                a lease was lost to another worker; the work was not done by us
├── RetryLater            a handler asks to be called again for this event, after a while
│   └── SlowDown          the other side said that we call too often: the rate is lowered as well
├── DeadLetter            a handler says that this event can never succeed
├── Dropped               a handler says that this event is of no concern any more
└── the errors of each context, each with its own root, told in that context's `errors.py`

What a person should read is the message; what a program should read is an attribute.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

RefusalKind = Literal[
    "malformed", "invalid", "unauthorised", "forbidden", "not_found", "conflict", "too_large", "too_many"
]
"""Why something was refused; `web/problems.py` holds the one table from here to HTTP statuses."""


class ComandaError(Exception):
    """The root: whatever Comanda raises on purpose."""


class SettingError(ComandaError):
    """A setting is wrong. The message is one sentence that says what to write instead."""


class Unavailable(ComandaError):
    """A backing service does not answer now."""


class FieldError(NamedTuple):
    """What is wrong with one field: where (`lines.0.quantity`), and a sentence that a guest understands."""

    path: str
    message: str


class Refused(ComandaError):
    """What was asked cannot be done; nothing was stored.

    Args:
        message: a sentence that a guest understands.
        kind: decides the HTTP status.
        code: a stable slug for programs (`item-sold-out`).
        fields: what is wrong, field by field.
        members: further members of the problem document, JSON values.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: RefusalKind,
        code: str,
        fields: Sequence[FieldError] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.code = code
        self.fields = tuple(fields)
        self.members = dict(members or {})


class Fenced(ComandaError):
    """A lease was lost: another worker owns the shard, and this transaction must not commit."""


class RetryLater(ComandaError):
    """A handler asks that its event be tried again.

    Args:
        reason: for people, kept with the parked event.
        after_s: seconds to wait, where the other side has said so (`Retry-After`); else the lane's backoff.
    """

    def __init__(self, reason: str, *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class SlowDown(RetryLater):
    """The other side said that we call too often (HTTP 429, SMTP 4xx): try again, and lower the rate of this key.

    Where the lane has rates, that of the event's keys (or the lane's own where it has none by key) is halved for every
    worker, and grows back. Where it has none, this is a `RetryLater`.

    Args:
        reason: for people, kept with the parked event.
        after_s: seconds in which not to call at all, where the other side has said so (`Retry-After`).
        key: whose rate is lowered, where that is not the event's own.
    """

    def __init__(self, reason: str, *, after_s: float | None = None, key: str | None = None) -> None:
        super().__init__(reason, after_s=after_s)
        self.key = key


class DeadLetter(ComandaError):
    """A handler says that its event can never succeed: no more tries, straight to the dead letters."""


class Dropped(ComandaError):
    """A handler says that its event is of no concern any more: it counts as handled, and is not tried again."""
