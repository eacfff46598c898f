"""The post office while it lives: other boots, full disks, servers that are away or send it away."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from comanda.mail.pipeline import Outcome, Server
from comanda.mail.pipeline.kernel import progress
from comanda.mail.posting import Absent, Posting, PostOffice, files
from tests.fakes.pipelined_smtp import CUT, SILENCE, PipelinedSmtp
from tests.fakes.ports import free_port
from tests.fakes.sending import address, serving

OTHER_BOOT = "00000000-0000-4000-8000-000000000000\n"


def mails(first: int, last: int) -> list[Posting]:
    """Return mails numbered so."""
    return [
        Posting(1, n, "a@example.com", f"g{n}@example.com", lambda n=n: b"Subject: Mail %d\r\n\r\nx\r\n" % n)  # type: ignore[misc]
        for n in range(first, last)
    ]


def kinds(outcomes: dict[tuple[int, int], Outcome]) -> list[str]:
    """Return the kinds in the order of the numbers."""
    return [outcomes[key].kind for key in sorted(outcomes)]


@asynccontextmanager
async def opened(office: PostOffice) -> AsyncIterator[PostOffice]:
    """Keep an office open for the length of the block."""
    await office.start()
    try:
        yield office
    finally:
        await office.stop()


async def asked(folder: Path, journal: str, first: int, last: int) -> dict[tuple[int, int], Outcome]:
    """Return what another office finds in a journal."""
    found = await PostOffice(Server(host="127.0.0.1", port=9, tls="none"), folder).fates(
        journal, [(1, n) for n in range(first, last)]
    )
    assert not isinstance(found, Absent)
    return dict(found)


async def test_journal_of_another_boot(tmp_path: Path) -> None:
    """After a crash of the machine only what cannot change is believed, and nothing is called unsent."""
    async with serving(PipelinedSmtp()) as server, opened(PostOffice(address(server), tmp_path)) as office:
        server.order("RCPT", "", "450 4.2.1 later", "550 5.1.1 nobody")
        assert kinds(dict(await office.post(mails(0, 3)[:1]))) == ["accepted"]
        assert kinds(dict(await office.post(mails(1, 3)))) == ["refused_for_now", "refused_for_good"]
    journal = office.journal_id
    assert kinds(await asked(tmp_path, journal, 0, 4)) == ["accepted", "refused_for_now", "refused_for_good", "unsent"]
    for planted in (OTHER_BOOT, ""):
        files.path(tmp_path, journal, files.OWNER).write_text(planted)
        found = await asked(tmp_path, journal, 0, 4)
        assert kinds(found) == ["accepted", "uncertain", "refused_for_good", "uncertain"]


async def test_cut_after_the_dot(tmp_path: Path) -> None:
    """A server that takes the mail and goes without a word leaves exactly that one uncertain."""
    async with serving(PipelinedSmtp()) as server:
        server.order("content", "", CUT)
        async with opened(PostOffice(address(server), tmp_path, connections=1)) as office:
            assert kinds(dict(await office.post(mails(0, 4)))) == ["accepted", "uncertain", "accepted", "accepted"]


async def test_sent_away(tmp_path: Path) -> None:
    """421 between mails costs a connection and no mail."""
    async with serving(PipelinedSmtp()) as server:
        server.order("MAIL", "", "", "421 4.7.0 enough", "", "421 4.7.0 enough")
        async with opened(PostOffice(address(server), tmp_path, connections=1)) as office:
            assert kinds(dict(await office.post(mails(0, 6)))) == ["accepted"] * 6
    assert len(server.taken) == len(set(server.taken)) == 6


async def test_server_away(tmp_path: Path) -> None:
    """When nobody listens for `away_s`, what waits comes back as unsent."""
    nobody = Server(host="127.0.0.1", port=free_port(), tls="none")
    async with opened(PostOffice(nobody, tmp_path, away_s=0.1)) as office:
        assert kinds(dict(await office.post(mails(0, 3)))) == ["unsent"] * 3


async def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no new file can be made, mails are unsent, the log says why, and none has gone out behind the journal."""
    async with (
        serving(PipelinedSmtp()) as server,
        opened(PostOffice(address(server), tmp_path, connections=1, segment=4096)) as office,
    ):

        def full(_file: Path, _size: int) -> int:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(files, "room", full)
        with structlog.testing.capture_logs() as said:
            outcomes = dict(await office.post(mails(0, 100)))
        accepted = [key for key, each in outcomes.items() if each.kind == "accepted"]
        assert 0 < len(accepted) == len(server.taken) < 100
        assert {each.kind for each in outcomes.values()} == {"accepted", "unsent"}
        assert any(each["event"] == "posting journal has no room; no mail is begun" for each in said)


async def test_files_roll(tmp_path: Path) -> None:
    """The journal goes on in a new file, is read across them, and old files go once their mails are settled."""
    async with (
        serving(PipelinedSmtp()) as server,
        opened(PostOffice(address(server), tmp_path, segment=4096)) as office,
    ):
        outcomes = await office.post(mails(0, 300))
        assert len(files.logs(tmp_path, office.journal_id)) > 5
        assert dict(await office.fates(office.journal_id, list(outcomes))) == dict(outcomes)  # type: ignore[arg-type]
        office.settled(outcomes)
        assert len(files.logs(tmp_path, office.journal_id)) == 2
    assert files.logs(tmp_path, office.journal_id) == []


async def test_guard_is_replaced(tmp_path: Path) -> None:
    """A guard that is killed while its worker lives has a successor, and mails go on."""
    async with serving(PipelinedSmtp()) as server, opened(PostOffice(address(server), tmp_path)) as office:
        await office.post(mails(0, 4))
        first = office.guard_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(10):
            while office.guard_pid in {first, None}:  # noqa: ASYNC110 - the system's doing
                await asyncio.sleep(0)
        assert kinds(dict(await office.post(mails(4, 8)))) == ["accepted"] * 4


async def test_cancelled(tmp_path: Path) -> None:
    """Whoever stops waiting gives up the mails that wait; those in hand go on, and the office works."""
    async with serving(PipelinedSmtp()) as server:
        server.order("content", SILENCE)
        async with opened(PostOffice(address(server), tmp_path, connections=1)) as office:
            posting = asyncio.create_task(office.post(mails(0, 50)))
            await server.silent.wait()
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
            assert posting.cancelled()
        found = await asked(tmp_path, office.journal_id, 0, 50)
        assert kinds(found) == ["uncertain"] + ["unsent"] * 49


def test_what_the_kernel_counts() -> None:
    """SYN and FIN are not among the octets, and what is unread is told from what came in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        its, _ = listener.accept()
        with ours, its:
            ours.sendall(b"12345")
            assert its.recv(5) == b"12345"
            its.sendall(b"abc")
            assert ours.recv(2) == b"ab"
            seen = progress(ours)
            assert (seen.acknowledged, seen.handed, seen.received, seen.unread, seen.finished) == (5, 5, 3, 1, False)
            its.close()
            assert ours.recv(9) == b"c"
            assert ours.recv(9) == b""
            seen = progress(ours)
            assert (seen.acknowledged, seen.handed, seen.received, seen.unread, seen.finished) == (5, 5, 3, 0, True)
