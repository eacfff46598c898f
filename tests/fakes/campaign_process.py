"""A process that sends campaigns until it is killed: python -m tests.fakes.campaign_process URL FOLDER JOURNAL.

Its mail server is a file: a line that is appended is a mail that is accepted, and the journal knows it by the same
write.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from comanda.contexts.campaigns.settlement import Trying
from comanda.engine.database import Database
from comanda.engine.lanes import Worker
from comanda.engine.service import running
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Absent, Key, Posting
from comanda.mail.sign_of_life import SignOfLife, lives
from tests.fakes.campaign_sending import ACCEPTED, CATALOGUE, Desk

PAUSE_S = 0.01
"""After every 25 mails: long enough to be killed in."""


class FileOffice:
    """Appends mails to a file of its own; its lock says that it lives."""

    machine = "m"

    def __init__(self, folder: Path, journal: str) -> None:
        self.journal_id = journal
        self._folder = folder
        self._life = SignOfLife(folder / "lives", journal)
        self._life.take()
        self._file = os.open(folder / f"{journal}.sent", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    async def post(self, mails: Iterable[Posting]) -> dict[Key, Outcome]:
        """Send."""
        outcomes: dict[Key, Outcome] = {}
        for place, posting in enumerate(mails, start=1):
            posting.build()
            os.write(self._file, f"{posting.campaign} {posting.recipient}\n".encode())
            outcomes[posting.key] = ACCEPTED
            if place % 25 == 0:
                await asyncio.sleep(PAUSE_S)
        return outcomes

    async def fates(self, journal_id: str, keys: Iterable[Key]) -> Mapping[Key, Outcome] | Absent:
        """Read another's file, once it is dead."""
        if lives(self._folder / "lives", journal_id):
            return Absent.OWNER_LIVES
        known = set(sent_by(self._folder / f"{journal_id}.sent"))
        return {key: ACCEPTED for key in keys if key in known}

    async def forget(self, journal_id: str) -> None:
        """Keep it: the test counts."""

    def settled(self, keys: Iterable[Key]) -> None:
        """Keep them: the test counts."""


def sent_by(file: Path) -> list[Key]:
    """Return the mails of a file."""
    if not file.exists():
        return []
    lines = [line.split() for line in file.read_text().splitlines()]
    return [(int(campaign), int(recipient)) for campaign, recipient in lines]


def all_sent(folder: Path) -> list[Key]:
    """Return the mails of all processes."""
    return [key for file in folder.glob("*.sent") for key in sent_by(file)]


async def main(url: str, folder: str, journal: str) -> None:
    """Work until killed."""
    database = Database(url)
    await database.start()
    trying = Trying(first_s=0.2, most_s=0.5, soon_s=0.1)
    desk = Desk(database, FileOffice(Path(folder), journal), chunk=200, trying=trying)
    worker = Worker(database, CATALOGUE, desk.consumers, lease_s=2.0, look_s=0.2, poll_s=0.2)
    async with running([desk.waker, desk.settler, desk.pacing, worker]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
