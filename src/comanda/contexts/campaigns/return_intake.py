"""Where returned mails enter: each becomes an event, in a transaction of its own.

Whoever handed the mail over (an SMTP sender, an IMAP mailbox, SNS) hears that it was taken once the event is in the
log. It may then hand it over again; the events' consumer lets what is told twice have its effect once.
"""

from comanda.contracts.campaigns import MailReturned
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog
from comanda.mail.returns.reading import Return


class ReturnIntake:
    """Takes returns."""

    def __init__(self, database: Database, log: EventLog, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._clock = clock

    async def take(self, returned: Return) -> None:
        """Emit what came back; anything but a bounce or a complaint about a mail of ours is let go.

        Raises `Unavailable` when it cannot be written now.
        """
        mark, kind = returned.mark, returned.kind
        if mark is None or (kind != "hard" and kind != "soft" and kind != "complaint"):  # noqa: PLR1714 - mypy's way
            return
        event = MailReturned(
            mail=f"{mark.campaign}:{mark.recipient}",
            campaign=mark.campaign,
            recipient=mark.recipient,
            at=self._clock.now(),
            kind=kind,
            status=returned.status,
            # PostgreSQL's text holds no NUL, and a stranger's words may.
            words=returned.reason.replace("\0", ""),
        )

        async def emit(tx: Transaction) -> None:
            await self._log.emit(tx, event)

        await self._database.run(emit)
