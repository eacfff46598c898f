"""Sending once: what the journal knows, what the other side knows, and what nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.errors import Unavailable
from comanda.engine.ids import RandomIds
from comanda.mail import (
    Courier,
    Journal,
    MailAddress,
    MailMessage,
    PermanentFailure,
    Policy,
    TemporaryFailure,
    Uncertain,
    from_url,
)
from comanda.mail.mailbox.server import Mailbox
from comanda.mail.smtp import SmtpMailer, SmtpServer
from tests.fakes.clock import FakeClock
from tests.fakes.recording_tracer import RecordingTracer
from tests.fakes.smtp_server import ACCEPT_AND_CUT, CUT, SILENCE, ScriptedSmtp, Step

MESSAGE = MailMessage(
    sender=MailAddress("orders@example.com"),
    to=(MailAddress("guest@example.com"),),
    subject="Your receipt",
    text="Thank you.",
    message_id="<receipt-1@example.com>",
    date=datetime(2025, 6, 2, tzinfo=UTC),
)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


def journal(folder: Path) -> Journal:
    """Return the journal of the machine whose disk is `folder`."""
    return Journal(folder / "journal.sqlite", clock=SystemClock(), ids=RandomIds())


def courier(server: ScriptedSmtp, folder: Path, policy: Policy = "at_least_once") -> Courier:
    """Return a courier to the scripted server."""
    smtp = SmtpServer(host="127.0.0.1", port=server.port, tls="none", timeout_s=1, content_timeout_s=1)
    return Courier(SmtpMailer(smtp), journal(folder), policy=policy)


async def test_a_mail_is_sent_once(server: ScriptedSmtp, tmp_path: Path) -> None:
    """What was accepted is not sent again, by this courier or by one that starts later with the same journal."""
    first = courier(server, tmp_path)
    await first.start()
    assert (await first.send(MESSAGE)).sent_now
    assert not (await first.send(MESSAGE)).sent_now
    await first.stop()
    second = courier(server, tmp_path)
    await second.start()
    assert await second.send(MESSAGE) == await second.send(MESSAGE, claimed_in=frozenset({second.journal_id}))
    await second.stop()
    assert len(server.accepted) == 1


async def test_a_refused_mail_is_sent_later(server: ScriptedSmtp, tmp_path: Path) -> None:
    """After a 4xx the same mail is sent without any doubt."""
    sender = courier(server, tmp_path)
    await sender.start()
    server.order("content", "451 later")
    with pytest.raises(TemporaryFailure):
        await sender.send(MESSAGE)
    accepted = await sender.send(MESSAGE, claimed_in=frozenset({sender.journal_id}))
    assert (accepted.sent_now, accepted.in_doubt, sender.uncertain) == (True, False, 0)
    server.order("RCPT", "550 no")
    await sender.stop()
    assert len(server.accepted) == 1


async def test_a_mail_refused_for_good(server: ScriptedSmtp, tmp_path: Path) -> None:
    """A 5xx is told as such."""
    sender = courier(server, tmp_path)
    await sender.start()
    server.order("RCPT", "550 no such user")
    with pytest.raises(PermanentFailure):
        await sender.send(MESSAGE)
    await sender.stop()


@pytest.mark.parametrize(("order", "copies"), [(CUT, 1), (ACCEPT_AND_CUT, 2)])
async def test_in_doubt_at_least_once(server: ScriptedSmtp, tmp_path: Path, order: str, copies: int) -> None:
    """At least once: a mail whose answer was lost is sent again under the same Message-ID, and the doubt is counted."""
    sender = courier(server, tmp_path, "at_least_once")
    await sender.start()
    server.order("content", order)
    with pytest.raises(Uncertain):
        await sender.send(MESSAGE)
    accepted = await sender.send(MESSAGE, claimed_in=frozenset({sender.journal_id}))
    assert (accepted.sent_now, accepted.in_doubt, sender.uncertain) == (True, True, 1)
    await sender.stop()
    assert len(server.accepted) == copies
    assert all(b"Message-ID: <receipt-1@example.com>" in mail for mail in server.accepted)


@pytest.mark.parametrize(("order", "copies"), [(CUT, 0), (ACCEPT_AND_CUT, 1)])
async def test_in_doubt_at_most_once(server: ScriptedSmtp, tmp_path: Path, order: str, copies: int) -> None:
    """At most once: a mail whose answer was lost stays uncertain, however often it is tried."""
    sender = courier(server, tmp_path, "at_most_once")
    await sender.start()
    server.order("content", order)
    for _ in range(3):
        with pytest.raises(Uncertain):
            await sender.send(MESSAGE)
    await sender.stop()
    assert len(server.accepted) == copies


async def test_another_machine_is_in_doubt(server: ScriptedSmtp, tmp_path: Path) -> None:
    """A mail that another machine was about to send is uncertain here; without that, it is not."""
    away, here = courier(server, tmp_path / "away"), courier(server, tmp_path / "here", "at_most_once")
    await away.start()
    await here.start()
    claimed_in = frozenset({away.journal_id, here.journal_id})
    with pytest.raises(Uncertain):
        await here.send(MESSAGE, claimed_in=claimed_in)
    await away.send(MESSAGE, claimed_in=claimed_in - {here.journal_id})
    await away.stop()
    await here.stop()
    assert len(server.accepted) == 1


async def test_two_workers_of_one_machine(server: ScriptedSmtp, tmp_path: Path) -> None:
    """Of many workers of one machine that send the same mail at the same time, one does."""
    workers = [courier(server, tmp_path) for _ in range(4)]
    for worker in workers:
        await worker.start()
    outcomes = await asyncio.gather(*(worker.send(MESSAGE) for worker in workers), return_exceptions=True)
    for worker in workers:
        await worker.stop()
    assert len(server.accepted) == 1
    assert sum(not isinstance(outcome, BaseException) and outcome.sent_now for outcome in outcomes) == 1
    assert all(not isinstance(outcome, BaseException) or isinstance(outcome, TemporaryFailure) for outcome in outcomes)


@pytest.mark.parametrize("kept", [True, False])
async def test_the_mailbox_settles_a_doubt(tmp_path: Path, *, kept: bool) -> None:
    """The built-in mailbox is asked what it has, so that with it nothing stays uncertain."""
    mailbox = Mailbox(tmp_path / "mailbox", smtp_port=0, http_port=0)
    await mailbox.start()
    sender = Courier(from_url(mailbox.url), journal(tmp_path), policy="at_most_once")
    await sender.start()
    other = journal(tmp_path)
    await other.start()
    await other.begin(MESSAGE.message_id)
    await other.stop()
    if kept:
        await mailbox.record.keep(sender="a@b", recipients=["c@d"], raw=MESSAGE.as_bytes())
    accepted = await sender.send(MESSAGE)
    assert (accepted.sent_now, accepted.in_doubt) == (not kept, False)
    assert await mailbox.record.count() == 1
    assert not (await sender.send(MESSAGE)).sent_now
    await mailbox.stop()
    with pytest.raises(TemporaryFailure, match="does not say"):
        await from_url(mailbox.url).look_up(MESSAGE.message_id)
    await sender.stop()


async def test_old_lines_are_dropped(tmp_path: Path) -> None:
    """A journal forgets after 30 days, and keeps its name."""
    clock = FakeClock()
    book = Journal(tmp_path / "journal.sqlite", clock=clock, ids=RandomIds())
    await book.start()
    name = book.id
    await book.begin("<old@example.com>")
    await book.stop()
    clock.advance(29 * 24 * 3600)
    await book.start()
    await book.begin("<young@example.com>")
    await book.stop()
    clock.advance(2 * 24 * 3600)
    await book.start()
    assert await book.entry("<old@example.com>") is None
    young = await book.entry("<young@example.com>")
    assert young is not None
    assert (young.phase, young.under_way) == ("begun", False)
    assert book.id == name
    await book.stop()


async def test_no_mail_without_a_journal(server: ScriptedSmtp, tmp_path: Path) -> None:
    """When the journal cannot be written, nothing is sent."""
    sender = courier(server, tmp_path)
    with pytest.raises(Unavailable):
        await sender.send(MESSAGE)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Unavailable):
        await courier(server, tmp_path / "taken").start()
    assert server.connections == 0


async def test_each_conversation_with_the_mail_server_is_a_span(server: ScriptedSmtp, tmp_path: Path) -> None:
    """With the server's words: as an attribute where it took the mail, as the error where not. Replays are none."""
    tracer = RecordingTracer()
    smtp = SmtpServer(host="127.0.0.1", port=server.port, tls="none", timeout_s=1, content_timeout_s=1)
    sender = Courier(SmtpMailer(smtp), journal(tmp_path), tracer=tracer)
    await sender.start()
    server.order("content", "451 later")
    with pytest.raises(TemporaryFailure):
        await sender.send(MESSAGE)
    accepted = await sender.send(MESSAGE)
    await sender.send(MESSAGE)
    await sender.stop()
    refused, taken = tracer.named("send mail")
    assert "451 later" in str(refused.error)
    assert taken.error is None
    assert taken.attributes == {"comanda.message_id": MESSAGE.message_id, "comanda.mail.answer": accepted.answer}


@pytest.mark.parametrize(("step", "doubts"), [("RCPT", 0), ("content", 1)])
async def test_a_send_that_is_broken_off_leaves_the_mail_to_others(
    server: ScriptedSmtp, tmp_path: Path, step: Step, doubts: int
) -> None:
    """A worker whose lease has ended breaks off and lives on: others do not wait for it, and doubt rightly."""
    first, second = courier(server, tmp_path), courier(server, tmp_path)
    await first.start()
    await second.start()
    server.order(step, SILENCE)
    sending = asyncio.create_task(first.send(MESSAGE))
    await server.silent.wait()
    with pytest.raises(TemporaryFailure):
        await second.send(MESSAGE)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    accepted = await second.send(MESSAGE, claimed_in=frozenset({second.journal_id}))
    assert (accepted.sent_now, second.uncertain) == (True, doubts)
    await first.stop()
    await second.stop()


async def test_a_beginning_that_is_broken_off_leaves_nothing_begun(tmp_path: Path) -> None:
    """The line was on its way to the disk when its writer was cancelled, and is taken back."""
    first, second = journal(tmp_path), journal(tmp_path)
    await first.start()
    await second.start()
    beginning = asyncio.create_task(first.begin(MESSAGE.message_id))
    await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    entry = await second.entry(MESSAGE.message_id)
    assert entry is not None
    assert (entry.phase, entry.under_way) == ("refused", False)
    await first.stop()
    await second.stop()
