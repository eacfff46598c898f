"""The counter at which campaigns hand their mails in: this machine's post office, as sending asks for it.

It is open for as long as a worker that sends campaigns runs.
"""

from collections.abc import Mapping, Sequence

import structlog

from comanda.contexts.campaigns.post import Key, Posting
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Absent, PostOffice
from comanda.mail.posting import Posting as OfficePosting

log = structlog.get_logger(__name__)

GONE = Outcome("uncertain", "the journal that knew what became of it is gone")


class Counter:
    """Hands mails in and asks for fates. See `post.PostOffice`. A service."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    async def start(self) -> None:
        """Open the post office."""
        await self._office.start()

    async def stop(self) -> None:
        """Close the post office."""
        await self._office.stop()

    @property
    def machine(self) -> str:
        """The name of the folder in which this machine's journals are."""
        return self._office.machine

    @property
    def journal(self) -> str:
        """The name of this process's journal."""
        return self._office.journal_id

    async def post(self, postings: Sequence[Posting]) -> Sequence[Outcome]:
        """Send, and return what became of each, in their order."""
        mails = [OfficePosting(each.campaign, each.recipient, each.sender, each.to, each.build) for each in postings]
        outcomes = await self._office.post(mails)
        return [outcomes[mail.key] for mail in mails]

    async def fates(self, journal: str, keys: Sequence[Key]) -> Mapping[Key, Outcome] | None:
        """Return what a process's journal knows of mails; None where it lives, or its guard is not done yet.

        A journal of this machine that is gone (its disk was lost) knows nothing: what it had in hand is uncertain.
        """
        found = await self._office.fates(journal, keys)
        match found:
            case Absent.UNKNOWN:
                log.warning("a journal is gone; what its process had in hand is uncertain", journal=journal)
                return dict.fromkeys(keys, GONE)
            case Absent.OWNER_LIVES | Absent.GUARD_WAITS:
                return None
            case _:
                return found

    def settled(self, keys: Sequence[Key]) -> None:
        """Let go of mails whose fates are in the ledger."""
        self._office.settled(keys)

    async def forget(self, journal: str) -> None:
        """Let go of a dead process's journal."""
        await self._office.forget(journal)
