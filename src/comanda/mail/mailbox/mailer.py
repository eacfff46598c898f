"""Sending to the built-in mailbox, which can be asked what it has."""

import aiohttp
import msgspec

from comanda.mail.errors import TemporaryFailure
from comanda.mail.mailer import Accepted, Fate
from comanda.mail.message import MailMessage
from comanda.mail.smtp import SmtpMailer, SmtpServer

ANSWER_S = 10.0
"""The longest wait for the answer to a look-up."""


class _Found(msgspec.Struct):
    messages: list[msgspec.Raw]


class MailboxMailer:
    """Sends by SMTP to the mailbox's process, and looks mails up in its record."""

    def __init__(self, *, host: str, smtp_port: int, http_port: int) -> None:
        self._smtp = SmtpMailer(SmtpServer(host=host, port=smtp_port, tls="none"))
        self._address = f"http://{f'[{host}]' if ':' in host else host}:{http_port}/api/messages"

    async def start(self) -> None:
        """Become ready."""
        await self._smtp.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._smtp.stop()

    async def ping(self) -> None:
        """Raise `Unavailable` when the mailbox does not answer."""
        await self._smtp.ping()

    async def send(self, message: MailMessage) -> Accepted:
        """Hand the message over; see `Mailer.send`."""
        return await self._smtp.send(message)

    async def look_up(self, message_id: str) -> Fate:
        """Return whether the mailbox has the mail. It answers after it has kept all that it was handed before."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._address, params={"message_id": message_id}) as answer,
            ):
                answer.raise_for_status()
                found = msgspec.json.decode(await answer.read(), type=_Found)
        except (TimeoutError, aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
            raise TemporaryFailure(f"The mailbox does not say what it has: {error}") from error
        return "accepted" if found.messages else "not_accepted"
