"""Sending a mail once, over a protocol that has no keys.

Before each send the `Courier` asks what is known of the mail: first its journal (what this machine sent), then the
mailer (what the other side has). Known as accepted: it is not sent again. Known as not accepted: it is sent. Where
nobody knows (the connection broke after the content; a worker died together with its disk), the mail is *uncertain*,
and `Policy` decides:

`at_least_once`
    it is sent again, under the same Message-ID, so that a second one can be recognised; for mails whose absence is
    worse than a double, as receipts are.
`at_most_once`
    it is left alone and shown as uncertain; for mails whose double is worse, as campaigns are.

Of the workers that share a journal, one sends a mail at a time, even when one was paused and wakes up late. Workers on
two machines are kept apart by the lane's lease alone: the one whose lease has ended does not begin.
"""

import asyncio
import dataclasses
from typing import Literal

import structlog

from comanda.engine.tracing import QuietTracer, Tracer, spanning
from comanda.mail.errors import Abandoned, BadMessage, PermanentFailure, TemporaryFailure, Uncertain
from comanda.mail.journal import Journal
from comanda.mail.mailer import Accepted, Mailer
from comanda.mail.message import MailMessage

log = structlog.get_logger(__name__)

UNDER_WAY = "Another worker is sending this mail."
FOUND = "found at the other side"

ANSWER = "comanda.mail.answer"
"""The attribute of a span that holds the mail server's last words."""

Policy = Literal["at_least_once", "at_most_once"]


class Courier:
    """Sends mails once each.

    Attributes:
        journal_id: names the journal; whoever claims a mail writes this down beside it.
        uncertain: how many mails were uncertain when they came here to be sent again, since the start.
    """

    def __init__(
        self, mailer: Mailer, journal: Journal, *, policy: Policy = "at_least_once", tracer: Tracer | None = None
    ) -> None:
        self.policy = policy
        self.uncertain = 0
        self._tracer = tracer or QuietTracer()
        self._mailer = mailer
        self._journal = journal
        self._starting = asyncio.Lock()

    @property
    def journal_id(self) -> str:
        """The id of the journal this courier writes."""
        return self._journal.id

    async def start(self) -> None:
        """Open the journal, then the mailer; cheap when they are open."""
        async with self._starting:
            await self._journal.start()
            await self._mailer.start()

    async def stop(self) -> None:
        """Close the mailer, then the journal."""
        await self._mailer.stop()
        await self._journal.stop()

    async def send(self, message: MailMessage, *, claimed_in: frozenset[str] = frozenset()) -> Accepted:
        """Send the message unless it is known to have been accepted.

        Args:
            message: its Message-ID names the intent: the same at every try.
            claimed_in: ids of the journals of all who were about to send this mail before; empty at the first try.

        Raises:
            TemporaryFailure, PermanentFailure, BadMessage: as `Mailer.send`; certainly not accepted.
            Uncertain: nobody knows. Under `at_least_once` the next `send` sends again; under `at_most_once` every
                `send` raises this until the other side can be asked.
        """
        entry = await self._journal.entry(message.message_id)
        if entry is not None and entry.phase == "accepted":
            return Accepted(answer=entry.answer, sent_now=False)
        if entry is not None and entry.under_way:
            raise TemporaryFailure(UNDER_WAY)
        in_doubt = False
        if (entry is not None and entry.phase in {"begun", "lost"}) or claimed_in - {self._journal.id}:
            match await self._mailer.look_up(message.message_id):
                case "accepted":
                    await self._journal.end(message.message_id, "accepted", FOUND)
                    return Accepted(answer=FOUND, sent_now=False)
                case "unknown":
                    in_doubt = True
                    self._doubt(message.message_id)
                case "not_accepted":
                    pass
        if not await self._journal.begin(message.message_id, after=entry):
            raise TemporaryFailure(UNDER_WAY)
        try:
            accepted = await self._hand_over(message)
        finally:
            self._journal.leave(message.message_id)
        return dataclasses.replace(accepted, in_doubt=in_doubt)

    def _doubt(self, message_id: str) -> None:
        self.uncertain += 1
        log.warning("mail uncertain", message_id=message_id, policy=self.policy)
        if self.policy == "at_most_once":
            raise Uncertain("It may or may not have been accepted, and is not sent again.")

    async def _hand_over(self, message: MailMessage) -> Accepted:
        try:
            with spanning(self._tracer, "send mail", kind="client") as span:
                span.note("comanda.message_id", message.message_id)
                accepted = await self._mailer.send(message)
                span.note(ANSWER, accepted.answer)
        except (TemporaryFailure, PermanentFailure, BadMessage) as error:
            await self._journal.end(message.message_id, "refused", str(error))
            raise
        except Uncertain as error:
            await self._journal.end(message.message_id, "lost", str(error))
            raise
        except BaseException as error:
            # This worker lives on, and others would wait for it to end what it has left.
            unsent = isinstance(error, asyncio.CancelledError) and not isinstance(error, Abandoned)
            await self._journal.break_off(message.message_id, "refused" if unsent else "lost")
            raise
        await self._journal.end(message.message_id, "accepted", accepted.answer)
        return accepted
