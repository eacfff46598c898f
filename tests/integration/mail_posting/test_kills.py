"""A posting process is killed at any moment, and what became of each mail is known."""

import asyncio
import os
import random  # noqa: TID251 - the moments of the kills, seeded
import signal
import sys
from collections import Counter
from pathlib import Path

from comanda.mail.pipeline import Server
from comanda.mail.posting import PostOffice
from tests.fakes.pipelined_smtp import PipelinedSmtp
from tests.fakes.sending import serving

ROUNDS, EACH = 20, 3000

NOBODY = Server(host="127.0.0.1", port=9, tls="none")
"""For an office that only asks."""


def logs(folder: Path) -> list[Path]:
    """Return the files of records."""
    return list(folder.glob("*.log"))


async def killed(server: PipelinedSmtp, folder: Path, first: int, after: int, *, guard: bool = False) -> str:
    """Kill a process, and its guard if told so, once the server has so many mails; return its journal's id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.posting_process"),
        *(str(server.port), str(folder), str(first), str(first + EACH)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    journal, guard_pid = (await process.stdout.readline()).decode().split()
    while len(server.taken) < after:  # noqa: ASYNC110 - another process's doing
        await asyncio.sleep(0)
    if guard:
        os.kill(int(guard_pid), signal.SIGKILL)
    process.kill()
    await process.wait()
    return journal


async def account(server: PipelinedSmtp, office: PostOffice, journal: str, first: int) -> Counter[str]:
    """Compare what is said with what the server took; return how many of each kind."""
    found = await office.fates(journal, [(1, n) for n in range(first, first + EACH)])
    assert isinstance(found, dict)
    took = Counter(int(each.split(b"\r\n")[0].split()[-1]) for each in server.taken)
    assert max(took.values()) == 1
    for (_, n), outcome in found.items():
        assert outcome.kind == "uncertain" or (outcome.kind == "accepted") == (took[n] == 1), (n, outcome)
    return Counter(each.kind for each in found.values())


async def test_twenty_kills(tmp_path: Path) -> None:
    """Nothing is uncertain, what is said to be accepted was, and what is said to be unsent was not."""
    chance = random.Random(4)  # noqa: S311 - seeded
    office = PostOffice(NOBODY, tmp_path, guarded=False)
    async with serving(PipelinedSmtp()) as server:
        for n in range(ROUNDS):
            journal = await killed(server, tmp_path, n * EACH, len(server.taken) + chance.randrange(1, 1500))
            kinds = await account(server, office, journal, n * EACH)
            assert kinds["uncertain"] == 0
            assert kinds["accepted"]
            await office.forget(journal)
    assert logs(tmp_path) == []


async def test_guard_killed_too(tmp_path: Path) -> None:
    """At most one mail of each connection is uncertain: without the guard the loss is seen, and counted."""
    office = PostOffice(NOBODY, tmp_path, guarded=False, guard_s=1)
    uncertain = 0
    async with serving(PipelinedSmtp()) as server:
        for n in range(5):
            journal = await killed(server, tmp_path, n * EACH, len(server.taken) + 300, guard=True)
            kinds = await account(server, office, journal, n * EACH)
            assert kinds["uncertain"] <= 4
            uncertain += kinds["uncertain"]
    assert uncertain
