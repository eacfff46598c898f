"""The built-in mailbox: what it has answered with 250 is on the disk, all is kept, and nothing in a mail is trusted."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from comanda.engine.errors import Unavailable
from comanda.mail import MailAddress, MailMessage, PermanentFailure, from_url
from comanda.mail.mailbox.server import Mailbox
from comanda.mail.smtp import SmtpMailer, SmtpServer

EVIL = '<script>alert(1)</script><img src="https://spy.example/x.png"><form action="https://spy.example"></form>'


def message(number: int = 1, **changes: object) -> MailMessage:
    """Return a mail with some of it changed."""
    values: dict[str, object] = {
        "sender": MailAddress("orders@example.com", "Trattoria Ñandú"),
        "to": (MailAddress("guest@example.com", "سارة 🍕"),),
        "subject": f"Mail {number} ☕",
        "text": "Thank you, سارة",
        "html": f"<html><head></head><body><p>Thank you</p>{EVIL}</body></html>",
        "message_id": f"<mail-{number}@example.com>",
        "date": datetime(2025, 6, 2, tzinfo=UTC),
    }
    return MailMessage(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    """A mailbox at free ports."""
    mailbox = Mailbox(tmp_path, smtp_port=0, http_port=0)
    await mailbox.start()
    yield mailbox
    await mailbox.stop()


@pytest.fixture
async def browser(mailbox: Mailbox) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of its pages."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{mailbox.http_port}") as session:
        yield session


async def sent(mailbox: Mailbox, *messages: MailMessage) -> None:
    """Send mails one after the other."""
    mailer = from_url(mailbox.url)
    await mailer.start()
    for each in messages:
        await mailer.send(each)
    await mailer.stop()


async def test_everything_is_kept(mailbox: Mailbox, browser: aiohttp.ClientSession) -> None:
    """Copies of one mail are all kept, so that a double can be seen, and found by their Message-ID."""
    await sent(mailbox, message(1), message(2), message(1))
    async with browser.get("/api/messages", params={"message_id": "<mail-1@example.com>"}) as answer:
        copies = (await answer.json())["messages"]
    assert [copy["id"] for copy in copies] == [3, 1]
    assert copies[0]["subject"] == "Mail 1 ☕"
    assert copies[0]["recipients"] == "سارة 🍕 <guest@example.com>"
    assert copies[0]["envelope_to"] == ["guest@example.com"]
    async with browser.get("/api/doubles") as answer:
        assert await answer.json() == {"count": 3, "doubles": [{"message_id": "<mail-1@example.com>", "copies": 2}]}


async def test_a_restart_keeps_all(tmp_path: Path) -> None:
    """Mails are there after a restart, octet by octet."""
    for number in (1, 2):
        mailbox = Mailbox(tmp_path, smtp_port=0, http_port=0)
        await mailbox.start()
        await sent(mailbox, message(number))
        found = await mailbox.record.one(1)
        assert found is not None
        assert found[1] == message(1).as_bytes()
        assert await mailbox.record.count() == number
        await mailbox.stop()


async def test_many_at_once(mailbox: Mailbox) -> None:
    """Mails that arrive together are each kept once."""
    mailer = from_url(mailbox.url)
    await mailer.start()
    await asyncio.gather(*(mailer.send(message(number)) for number in range(100)))
    await mailer.stop()
    assert await mailbox.record.count() == 100
    assert await mailbox.record.doubles() == []


async def test_the_list(mailbox: Mailbox, browser: aiohttp.ClientSession) -> None:
    """The page lists the newest first, a page at a time, and searches people, subjects and beginnings."""
    await sent(mailbox, *(message(number) for number in range(60)), message(99, text="100% of_everything", html=None))
    async with browser.get("/") as answer:
        page = await answer.text()
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert re.findall(r'href="/messages/(\d+)"', page) == [str(number) for number in range(61, 11, -1)]
    async with browser.get("/?before=12") as answer:
        assert len(re.findall(r'href="/messages/(\d+)"', await answer.text())) == 11
    for words, count in (
        ("Mail 7 ", 1),
        ("MAIL 7 ", 1),
        ("ñandú", 0),
        ("100% of_", 1),
        ("0_", 0),
        ("<mail-3@", 1),
        ("nothing", 0),
    ):
        async with browser.get("/api/messages", params={"q": words}) as answer:
            assert len((await answer.json())["messages"]) == count, words


async def test_a_mail_is_not_trusted(mailbox: Mailbox, browser: aiohttp.ClientSession) -> None:
    """The HTML of a mail stands in a sandboxed frame that may run and load nothing; elsewhere it is only text."""
    await sent(mailbox, message(1, subject=EVIL, text=EVIL, to=(MailAddress("guest@example.com", EVIL),)))
    for path in ("/", "/messages/1"):
        async with browser.get(path) as answer:
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        assert "<script>alert" not in page
        assert "spy.example/x.png&#34;" in page or "&lt;script&gt;" in page
        assert "default-src 'none'" in policy
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    async with browser.get("/messages/1/html") as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert '<head><base target="_blank">' in html
    for part in ("sandbox allow-popups", "default-src 'none'", "img-src data:;", "form-action 'none'"):
        assert part in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


async def test_raw_and_details(mailbox: Mailbox, browser: aiohttp.ClientSession) -> None:
    """A mail can be downloaded as it came, and read in parts by programs."""
    await sent(mailbox, message(1))
    async with browser.get("/messages/1/raw") as answer:
        assert await answer.read() == message(1).as_bytes()
        assert answer.headers["Content-Disposition"] == 'attachment; filename="mail-1.eml"'
    async with browser.get("/api/messages/1") as answer:
        details = await answer.json()
    assert details["text"].strip() == "Thank you, سارة"
    assert ["Subject", "Mail 1 ☕"] in details["headers"]
    for path in ("/messages/9", "/messages/9/raw", "/api/messages/9", "/messages/1/attachments/0", "/messages/x"):
        async with browser.get(path) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all\r\n",
        b"Subject: =?utf-8?b?broken\r\nTo: =?nonsense?q?x?=\r\n\r\nx",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe\x00",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\nContent-Type: multipart/mixed\r\n\r\n",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Subject: \xff\xff\r\nMessage-ID: \xff\r\n\r\nx",
    ],
)
async def test_broken_mails_are_shown(mailbox: Mailbox, browser: aiohttp.ClientSession, raw: bytes) -> None:
    """A mail that is broken is kept and shown with what it has."""
    await mailbox.record.keep(sender="", recipients=[], raw=raw)
    for path in ("/", "/messages/1", "/messages/1/html", "/messages/1/raw", "/api/messages/1"):
        async with browser.get(path) as answer:
            assert answer.status == 200, path


async def test_attachments_and_inline_images(mailbox: Mailbox, browser: aiohttp.ClientSession) -> None:
    """An image that the HTML brings along is shown inside it; attachments are downloads only."""
    raw = (
        b"Content-Type: multipart/related; boundary=x\r\n\r\n"
        b'--x\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">\r\n'
        b"--x\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n"
        b'--x\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="e<v>il.html"\r\n\r\n<p>x\r\n'
        b"--x--\r\n"
    )
    await mailbox.record.keep(sender="", recipients=[], raw=raw)
    async with browser.get("/messages/1/html") as answer:
        assert "data:image/png;base64,iVBORw0K" in await answer.text()
    async with browser.get("/messages/1") as answer:
        assert "e&lt;v&gt;il.html" in await answer.text()
    async with browser.get("/messages/1/attachments/1") as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_other_letters_in_addresses(mailbox: Mailbox) -> None:
    """The mailbox takes addresses of other letters."""
    await sent(mailbox, message(1, to=(MailAddress("jürgen@bücher.example"),)))
    assert (await mailbox.record.newest())[0].envelope_to == ("jürgen@xn--bcher-kva.example",)


async def test_a_mail_that_is_too_large(mailbox: Mailbox) -> None:
    """A mail beyond what the mailbox offers by SIZE is refused, and the mailbox goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", mailbox.smtp_port)
    await reader.readline()
    for command in ("EHLO x", f"MAIL FROM:<a@b.example> SIZE={64 * 1024 * 1024}"):
        writer.write(command.encode() + b"\r\n")
        while (line := await reader.readline())[3:4] == b"-":
            pass
    assert line.startswith(b"552")
    writer.close()
    await sent(mailbox, message(1))
    assert await mailbox.record.count() == 1


async def test_a_line_that_is_too_long(mailbox: Mailbox) -> None:
    """The mailbox is as strict as others are: a line over 998 octets, which no mail of ours has, is refused."""
    mailer = SmtpMailer(SmtpServer(host="127.0.0.1", port=mailbox.smtp_port, tls="none"))

    class Long(MailMessage):
        """A mail that breaks the rule."""

        def as_bytes(self) -> bytes:
            return b"Subject: x\r\n\r\n" + b"x" * 1200 + b"\r\n"

    with pytest.raises(PermanentFailure, match="too long"):
        await mailer.send(Long(**{name: getattr(message(1), name) for name in MailMessage.__dataclass_fields__}))
    await mailer.stop()


async def test_a_port_that_is_taken(mailbox: Mailbox, tmp_path: Path) -> None:
    """A taken port is told, and nothing stays open."""
    for smtp_port, http_port in ((mailbox.smtp_port, 0), (0, mailbox.http_port)):
        with pytest.raises(Unavailable, match="cannot listen"):
            await Mailbox(tmp_path / "other", smtp_port=smtp_port, http_port=http_port).start()


async def test_start_and_stop_at_any_time(tmp_path: Path) -> None:
    """Stop before start, twice, and start again work."""
    mailbox = Mailbox(tmp_path, smtp_port=0, http_port=0)
    await mailbox.stop()
    await mailbox.start()
    await mailbox.start()
    await mailbox.stop()
    await mailbox.stop()
    await mailbox.start()
    await mailbox.stop()
