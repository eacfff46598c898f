"""The mailbox is killed with -9 under load: what it said it has, it has."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from comanda.mail import MailAddress, Mailer, MailError, MailMessage, from_url
from tests.integration.mail.mailbox_process import MailboxProcess


def message(number: int) -> MailMessage:
    """Return a mail of its own."""
    return MailMessage(
        sender=MailAddress("orders@example.com"),
        to=(MailAddress(f"guest{number}@example.com"),),
        subject=f"Mail {number}",
        text="Thank you. " * 200,
        message_id=f"<mail-{number}@example.com>",
        date=datetime(2025, 6, 2, tzinfo=UTC),
    )


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[MailboxProcess]:
    """A mailbox, running."""
    mailbox = MailboxProcess(tmp_path)
    await mailbox.start()
    yield mailbox
    await mailbox.kill()


async def send_until_it_breaks(mailer: Mailer, first: int, accepted: list[str], enough: asyncio.Event) -> None:
    """Send mail after mail, and take note of those that were accepted."""
    for number in range(first, first + 10_000):
        try:
            await mailer.send(message(number))
        except MailError:
            return
        accepted.append(message(number).message_id)
        if len(accepted) >= 100:
            enough.set()


@pytest.mark.slow  # The mailbox starts twice.
async def test_killed_under_load(mailbox: MailboxProcess) -> None:
    """Every mail that was answered with 250 before a kill -9 is there after it, and the next ones come to it."""
    mailer, accepted, enough = from_url(mailbox.url), list[str](), asyncio.Event()
    await mailer.start()
    senders = [asyncio.create_task(send_until_it_breaks(mailer, lane * 10_000, accepted, enough)) for lane in range(4)]
    await enough.wait()
    await mailbox.kill()
    await asyncio.gather(*senders)
    await mailbox.start()
    fates = [await mailer.look_up(message_id) for message_id in accepted]
    assert fates == ["accepted"] * len(accepted)
    await mailer.send(message(99_999))
    await mailer.stop()
    doubles = await mailbox.get("/api/doubles")
    assert doubles["doubles"] == []


@pytest.mark.slow  # The mailbox starts twice.
async def test_ended_and_started(mailbox: MailboxProcess) -> None:
    """SIGTERM ends the mailbox in order, also with a connection open, and a second start finds its mails."""
    mailer = from_url(mailbox.url)
    await mailer.start()
    await mailer.send(message(1))
    async with asyncio.timeout(10):
        assert await mailbox.terminate() == 0
    await mailbox.start()
    await mailer.send(message(2))
    await mailer.stop()
    assert await mailbox.get("/healthz") == {"mails": 2}
