"""What is posted, and what whoever posts can rely on."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import NamedTuple, Protocol

from comanda.mail.pipeline import Outcome

Key = tuple[int, int]
"""Campaign and recipient: each from 0 to 2^32-1."""


class Posting(NamedTuple):
    """One mail to one recipient.

    Attributes:
        campaign, recipient: numbers that name the mail.
        sender, to: the envelope's addresses.
        build: makes the whole message, lines ended by CRLF; called once or more, when the mail's turn comes.
    """

    campaign: int
    recipient: int
    sender: str
    to: str
    build: Callable[[], bytes]

    @property
    def key(self) -> Key:
        """Names the mail."""
        return self.campaign, self.recipient


class Absent(Enum):
    """Why nothing can be said of a journal.

    Attributes:
        UNKNOWN: this machine has no such journal.
        OWNER_LIVES: its process lives; it will say itself.
        GUARD_WAITS: the process died, and its guard still waits for answers; ask again.
    """

    UNKNOWN = "unknown"
    OWNER_LIVES = "owner_lives"
    GUARD_WAITS = "guard_waits"


class Post(Protocol):
    """Posts mails, and knows later what became of them."""

    @property
    def journal_id(self) -> str:
        """Names the journal of this process; written down by whoever claims mails, before `post`."""
        ...

    @property
    def machine(self) -> str:
        """Names the folder that the journals lie in: whoever shares it can ask for fates."""
        ...

    async def post(self, mails: Iterable[Posting]) -> Mapping[Key, Outcome]:
        """Post mails; return what became of each of them."""
        ...

    async def fates(self, journal_id: str, keys: Iterable[Key]) -> Mapping[Key, Outcome] | Absent:
        """Return what became of mails that the process of a journal had claimed."""
        ...

    async def forget(self, journal_id: str) -> None:
        """Remove a dead process's journal: all its claims are settled."""
        ...

    def settled(self, keys: Iterable[Key]) -> None:
        """Let go of own mails: their fates are written down elsewhere."""
        ...
