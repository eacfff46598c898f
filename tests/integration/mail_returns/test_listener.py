import asyncio
from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from comanda.engine.errors import Unavailable
from comanda.engine.service import running
from comanda.mail.returns import listener as listening
from comanda.mail.returns.listener import ReturnsListener
from comanda.mail.returns.marks import Mark, Marks
from tests.fakes.returned_mails import complaint, delivery_report, note
from tests.fakes.taken_returns import Taken

MARKS = Marks([b"a key of sixteen octets"])
MARK = Mark(7, 8)
VERP = MARKS.bounce_address(7, 8, "mail.example.org")
OURS = MARKS.message_id(7, 8, "mail.example.org")
ABUSE = "Abuse@mail.example.org"


@pytest.fixture
def taken() -> Taken:
    """Who takes what comes back."""
    return Taken()


@pytest.fixture
async def listener(taken: Taken) -> AsyncIterator[ReturnsListener]:
    """A listener at a free port."""
    listener = ReturnsListener(host="127.0.0.1", port=0, marks=MARKS, take=taken, complaints=["abuse@mail.example.org"])
    async with running([listener]):
        yield listener


@pytest.fixture
async def client(listener: ReturnsListener) -> AsyncIterator[aiosmtplib.SMTP]:
    """A mail server that has something to return."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False) as client:
        yield client


async def send(client: aiosmtplib.SMTP, to: str, raw: bytes) -> None:
    """Send as a mail server sends reports: with the empty return path."""
    await client.sendmail("", [to], raw)


async def test_a_bounce_and_a_complaint_are_taken(client: aiosmtplib.SMTP, taken: Taken) -> None:
    """Each is told with whom it is about: by the return path's token, or by the Message-ID of what was returned."""
    await send(client, VERP.upper(), delivery_report("<other@example.net>"))
    await send(client, ABUSE, complaint(OURS))
    assert [(returned.kind, returned.mark) for returned in taken.returns] == [("hard", MARK), ("complaint", MARK)]
    assert taken.returns[0].status == "5.1.1"


async def test_what_does_not_matter_is_accepted_and_forgotten(client: aiosmtplib.SMTP, taken: Taken) -> None:
    """Absence notes, delays, and complaints about mails of others are answered 250, so that nobody sends them again."""
    await send(client, VERP, note(VERP))
    await send(client, VERP, delivery_report(OURS, "4.4.1", action="delayed"))
    await send(client, ABUSE, complaint("<other@example.net>"))
    assert taken.returns == []


@pytest.mark.parametrize(
    "address",
    [
        "guest@mail.example.org",
        "abuse+more@mail.example.org",
        f"bounce+{'a' * 29}@mail.example.org",
        VERP.replace("+", "-"),
        Marks([b"another key of sixteen"]).bounce_address(7, 8, "mail.example.org"),
    ],
)
async def test_others_recipients_are_refused(client: aiosmtplib.SMTP, taken: Taken, address: str) -> None:
    """Whoever is not one of our tokens or a complaints address is told 550, before any content travels."""
    await client.ehlo()
    await client.mail("")
    with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
        await client.rcpt(address)
    assert refused.value.code == 550
    with pytest.raises(aiosmtplib.SMTPDataError):
        await client.data(delivery_report(OURS))
    assert taken.returns == []


async def test_a_second_recipient_waits_for_a_mail_of_its_own(client: aiosmtplib.SMTP, taken: Taken) -> None:
    """Two recipients of one mail would need two answers: the second is told to come again."""
    await client.ehlo()
    await client.mail("")
    await client.rcpt(VERP)
    with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
        await client.rcpt(MARKS.bounce_address(7, 9, "mail.example.org"))
    assert refused.value.code == 452
    await client.data(delivery_report(OURS))
    assert [returned.mark for returned in taken.returns] == [MARK]


@pytest.mark.parametrize("error", [Unavailable("The database is away."), ValueError("a bug")])
async def test_what_cannot_be_taken_is_asked_for_again(client: aiosmtplib.SMTP, taken: Taken, error: Exception) -> None:
    """Whatever taking raises, the sender hears 451; when it comes again, it is taken."""
    taken.failing = error
    with pytest.raises(aiosmtplib.SMTPDataError) as failed:
        await send(client, VERP, delivery_report(OURS))
    assert failed.value.code == 451
    taken.failing = None
    await send(client, VERP, delivery_report(OURS))
    assert [returned.mark for returned in taken.returns] == [MARK]


async def test_the_answer_waits_until_it_was_taken(client: aiosmtplib.SMTP, taken: Taken) -> None:
    """No 250 while taking is under way."""
    taken.free.clear()
    sending = asyncio.create_task(send(client, VERP, delivery_report(OURS)))
    await taken.under_way.wait()
    done, _ = await asyncio.wait({sending}, timeout=0.2)
    assert not done
    taken.free.set()
    await sending
    assert len(taken.returns) == 1


async def test_a_stop_sees_through_what_has_come_whole(
    listener: ReturnsListener, client: aiosmtplib.SMTP, taken: Taken
) -> None:
    """A stop waits for what is being taken, and the sender hears of it before the connection is closed."""
    taken.free.clear()
    sending = asyncio.create_task(send(client, VERP, delivery_report(OURS)))
    await taken.under_way.wait()
    stopping = asyncio.create_task(listener.stop())
    done, _ = await asyncio.wait({stopping}, timeout=0.1)
    assert not done
    taken.free.set()
    await stopping
    await sending
    assert len(taken.returns) == 1


async def test_a_mail_over_the_limit_is_refused_and_the_next_one_taken(client: aiosmtplib.SMTP, taken: Taken) -> None:
    """A mail that grows too large is refused with 552; lines may be long."""
    await client.ehlo()
    await client.mail("")
    await client.rcpt(VERP)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await client.data((b"x" * 998 + b"\r\n") * (listening.MOST_OCTETS // 1000 + 1))
    assert refused.value.code == 552
    await send(client, VERP, delivery_report(OURS) + b"z" * 20_000 + b"\r\n")
    assert [returned.mark for returned in taken.returns] == [MARK]


async def test_a_connection_too_many_is_sent_away(
    listener: ReturnsListener, monkeypatch: pytest.MonkeyPatch, taken: Taken
) -> None:
    """Beyond the most connections one hears 421, and who is connected goes on; one that left makes room."""
    monkeypatch.setattr(listening, "MOST_CONNECTIONS", 1)
    first = aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False)
    await first.connect()
    with pytest.raises(aiosmtplib.SMTPConnectError, match="421"):
        await aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False).connect()
    await send(first, VERP, delivery_report(OURS))
    await first.quit()
    assert len(taken.returns) == 1
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False) as second:
        await send(second, VERP, delivery_report(OURS))
    assert len(taken.returns) == 2
