"""Sending by SMTP to a server that misbehaves at each step, and what is known afterwards."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from comanda.engine.errors import Unavailable
from comanda.mail import BadMessage, MailAddress, MailMessage, PermanentFailure, TemporaryFailure, Uncertain
from comanda.mail.smtp import SmtpMailer, SmtpServer
from tests.fakes.smtp_server import ACCEPT_AND_CUT, CUT, SILENCE, ScriptedSmtp, Step


def message(number: int = 1, text: str = "Thank you.", to: str = "guest@example.com") -> MailMessage:
    """Return a small mail."""
    return MailMessage(
        sender=MailAddress("orders@example.com"),
        to=(MailAddress(to),),
        subject=f"Mail {number}",
        text=text,
        message_id=f"<mail-{number}@example.com>",
        date=datetime(2025, 6, 2, tzinfo=UTC),
    )


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def mailer(server: ScriptedSmtp) -> AsyncIterator[SmtpMailer]:
    """A mailer to it, of little patience."""
    mailer = SmtpMailer(
        SmtpServer(host="127.0.0.1", port=server.port, tls="none", timeout_s=0.3, content_timeout_s=0.3, connections=2)
    )
    await mailer.start()
    yield mailer
    await mailer.stop()


async def test_a_mail_goes_out_whole(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """What the server gets is what was built, also lines that begin with dots and a thousand lines of them."""
    mail = message(text=".\n..\n.hidden\n" + ".x\n" * 1000)
    answer = await mailer.send(mail)
    assert answer.answer == "250 kept"
    assert server.accepted == [mail.as_bytes()]
    assert server.envelopes == [
        [f"MAIL FROM:<orders@example.com> SIZE={len(mail.as_bytes())}", "RCPT TO:<guest@example.com>"]
    ]


async def test_connections_are_kept(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """Many mails share few connections, and never more than were allowed."""
    await asyncio.gather(*(mailer.send(message(number)) for number in range(20)))
    assert len(server.accepted) == 20
    assert server.connections <= 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
async def test_a_refusal_for_now(server: ScriptedSmtp, mailer: SmtpMailer, step: Step) -> None:
    """4xx at any step is temporary; the connection goes on, and the next mail is accepted."""
    server.order(step, "450 busy")
    with pytest.raises(TemporaryFailure, match="450 busy") as told:
        await mailer.send(message())
    assert told.value.code == 450
    assert server.accepted == []
    await mailer.send(message())
    assert len(server.accepted) == 1
    assert server.connections == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
async def test_a_refusal_for_good(server: ScriptedSmtp, mailer: SmtpMailer, step: Step) -> None:
    """5xx at any step is permanent; the next mail is accepted over the same connection."""
    server.order(step, "550 no such user")
    with pytest.raises(PermanentFailure, match="550 no such user"):
        await mailer.send(message())
    assert server.accepted == []
    await mailer.send(message(2))
    assert len(server.accepted) == 1
    assert server.connections == 1


@pytest.mark.parametrize("answer", ["421 closing", "554 not here", CUT, SILENCE])
@pytest.mark.parametrize("step", ["greeting", "EHLO"])
async def test_trouble_of_the_server_is_temporary(
    server: ScriptedSmtp, mailer: SmtpMailer, step: Step, answer: str
) -> None:
    """What goes wrong before the first mail is not the mail's fault, even where the server says 5xx."""
    server.order(step, answer, times=2)
    with pytest.raises(TemporaryFailure):
        await mailer.send(message())
    assert server.accepted == []


@pytest.mark.parametrize("answer", [CUT, SILENCE, "nonsense", "999 what"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_cut_before_the_content(server: ScriptedSmtp, mailer: SmtpMailer, step: Step, answer: str) -> None:
    """A connection that breaks before the content went out is certain: nothing was accepted."""
    server.order(step, answer)
    with pytest.raises(TemporaryFailure):
        await mailer.send(message())
    assert server.accepted == []
    await mailer.send(message())
    assert len(server.accepted) == 1


@pytest.mark.parametrize(
    ("order", "kept"), [(CUT, 0), (ACCEPT_AND_CUT, 1), (SILENCE, 0), ("nonsense", 0), ("354 again", 0)]
)
async def test_cut_after_the_content(server: ScriptedSmtp, mailer: SmtpMailer, order: str, kept: int) -> None:
    """A connection that breaks after the content is uncertain, for both of what may have happened look the same."""
    server.order("content", order)
    with pytest.raises(Uncertain):
        await mailer.send(message())
    assert len(server.accepted) == kept
    assert await mailer.look_up("<mail-1@example.com>") == "unknown"
    await mailer.send(message(2))
    assert len(server.accepted) == kept + 1


async def test_an_idle_connection_that_died(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """A kept connection that the server has closed is replaced without a word."""
    await mailer.send(message())
    server.order("MAIL", CUT)
    await mailer.send(message(2))
    server.hang_up()
    await asyncio.sleep(0)
    await mailer.send(message(3))
    assert len(server.accepted) == 3


async def test_a_cancelled_mail_leaves_no_trace(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """A mail whose sender was cancelled in mid-dialogue does not spoil the connection for the next."""
    server.order("RCPT", SILENCE)
    sending = asyncio.create_task(mailer.send(message()))
    await server.silent.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.gather(*(mailer.send(message(number)) for number in range(2, 6)))
    assert sorted(line for mail in server.accepted for line in mail.splitlines() if line.startswith(b"Subject")) == [
        b"Subject: Mail 2",
        b"Subject: Mail 3",
        b"Subject: Mail 4",
        b"Subject: Mail 5",
    ]


async def test_all_recipients_or_none(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """When one of two recipients is refused, nobody gets the mail, so that a retry doubles nobody's."""
    two = MailMessage(
        sender=MailAddress("orders@example.com"),
        to=(MailAddress("one@example.com"), MailAddress("two@example.com")),
        subject="Both",
        text="",
        message_id="<both@example.com>",
        date=datetime(2025, 6, 2, tzinfo=UTC),
    )
    server.order("RCPT", "250 ok")
    server.order("RCPT", "550 no")
    with pytest.raises(PermanentFailure):
        await mailer.send(two)
    assert server.accepted == []


async def test_letters_that_need_an_extension(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """An address of other letters goes to a server that takes it, and is refused for good at one that does not."""
    with pytest.raises(PermanentFailure):
        await mailer.send(message(to="jürgen@example.com"))
    await mailer.stop()
    server.extensions.append("SMTPUTF8")
    other = SmtpMailer(mailer.server)
    await other.send(message(to="jürgen@example.com"))
    await other.stop()
    assert server.envelopes[0][1] == "RCPT TO:<jürgen@example.com>"
    assert server.envelopes[0][0].endswith("SMTPUTF8 BODY=8BITMIME")


async def test_no_server(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """Without a server sending is temporary and a ping is `Unavailable`; when it is back, the next mail goes out."""
    await mailer.ping()
    await server.stop()
    with pytest.raises(TemporaryFailure, match="No connection"):
        await mailer.send(message())
    with pytest.raises(Unavailable):
        await mailer.ping()
    await server.start()
    await mailer.ping()
    await mailer.send(message())
    assert len(server.accepted) == 1


async def test_too_large_a_mail_is_not_begun(server: ScriptedSmtp, mailer: SmtpMailer) -> None:
    """A mail that cannot be one does not reach the server."""
    with pytest.raises(BadMessage):
        await mailer.send(message(text="x" * (21 * 1024 * 1024)))
    assert server.connections == 0
