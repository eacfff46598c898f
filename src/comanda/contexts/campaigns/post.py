"""What sending needs of the post office: the seam to `comanda.mail.posting`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from comanda.mail.pipeline import Outcome

Key = tuple[int, int]
"""Campaign and recipient: by this the journal knows a mail."""


class Posting(msgspec.Struct, frozen=True):
    """A mail that is to go out.

    Attributes:
        sender, to: the envelope's addresses.
        build: makes the content when its turn has come. What it raises makes the mail unsent.
    """

    campaign: int
    recipient: int
    sender: str
    to: str
    build: Callable[[], bytes]


class PostOffice(Protocol):
    """This process's way to the mail server, with a journal of what went out.

    Attributes:
        machine: whose processes can read each other's journals.
        journal: this process's, never used by another.
    """

    @property
    def machine(self) -> str:
        """Return the machine's name."""
        ...

    @property
    def journal(self) -> str:
        """Return the name of this process's journal."""
        ...

    async def post(self, postings: Sequence[Posting]) -> Sequence[Outcome]:
        """Send, and return what became of each; what was accepted is in the journal by then."""
        ...

    async def fates(self, journal: str, keys: Sequence[Key]) -> Mapping[Key, Outcome] | None:
        """Return what a process's journal knows of mails; those missing were never handed over.

        None where the process still lives: what it has in hand is its own.
        """
        ...

    def settled(self, keys: Sequence[Key]) -> None:
        """Let go of mails whose fates are in the ledger: the journal need not know of them any more."""
        ...

    async def forget(self, journal: str) -> None:
        """Let go of the journal of a dead process, all of whose claims are settled."""
        ...
