"""A process that posts mails until it is killed: `python -m tests.fakes.posting_process PORT FOLDER FIRST LAST`."""

import asyncio
import sys
from pathlib import Path

from comanda.mail.pipeline import Server
from comanda.mail.posting import Posting, PostOffice


async def main(port: int, folder: Path, first: int, last: int) -> None:
    """Post the mails."""
    office = PostOffice(Server(host="127.0.0.1", port=port, tls="none"), folder)
    await office.start()
    print(office.journal_id, office.guard_pid, flush=True)  # noqa: T201 - the test reads it
    await office.post(
        Posting(1, n, "a@example.com", f"g{n}@example.com", lambda n=n: b"Subject: Mail %d\r\n\r\nx\r\n" % n)  # type: ignore[misc]
        for n in range(first, last)
    )
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
