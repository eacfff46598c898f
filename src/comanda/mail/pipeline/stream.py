"""The sending of mails over one session, each in one round trip where the server offers PIPELINING (RFC 2920).

    client                                       server
    MAIL 1, RCPT 1, DATA                    →
                                            ←    250, 250, 354
    content 1, dot, MAIL 2, RCPT 2, DATA    →
                                            ←    250 (mail 1), 250, 250, 354
    content 2, dot, MAIL 3, RCPT 3, DATA    →    and so on

Replies come in the order of the commands, so that a queue of what is waited for is all the state there is. A mail is
handed over when its content and final dot are with the transport; whatever happens before that is certain.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from comanda.mail.errors import Abandoned, BadMessage
from comanda.mail.pipeline.connection import Ended
from comanda.mail.pipeline.outcome import Outcome, Step
from comanda.mail.pipeline.outgoing import Key, Outgoing, envelope, stuffed
from comanda.mail.pipeline.replies import Reply
from comanda.mail.pipeline.session import DONE, GO_ON, NEVER, Session
from comanda.mail.pipeline.transaction import KINDS, Transaction, outcome

CLOSING = 421
"""The server ends the session; it may say so in answer to anything."""

NOT_NOW = 4

DATA, DOT, RSET = b"DATA\r\n", b".\r\n", b"RSET\r\n"


class Stream:
    """Sends mails over one session, which is its own from now on.

    Each mail that it takes is reported once; what it does not take stays where it is. At any time at most one mail is
    handed over and not answered, and at most one more has its envelope under way.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
        self._connection.listener = self
        self._offered = session.offered
        self._pipelining = session.offered.pipelining
        patience = session.server.patience
        self._patience: dict[Step, float] = {
            "MAIL": patience.command_s,
            "RCPT": patience.command_s,
            "DATA": patience.data_s,
            "content": patience.content_s,
            "RSET": patience.command_s,
            "dot": patience.content_s,
        }
        self._awaited: deque[tuple[Step, Transaction]] = deque()
        self._half_way = False
        self._handed_over_at = 0
        self._mails: Iterator[Outgoing[Any]] = iter(())
        self._report: Callable[[Outgoing[Any], Outcome], None] = _nobody
        self._done: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    @property
    def ended(self) -> Ended | None:
        """Why nothing more can be sent over this session, or None while it can."""
        return self._connection.ended

    async def send(
        self, mails: Iterator[Outgoing[Key]], report: Callable[[Outgoing[Key], Outcome], None]
    ) -> Ended | None:
        """Send what the iterator gives until it gives no more or the session ends; return `ended`.

        Several streams may share one iterator. A mail is taken when its turn comes, one mail ahead of the answers.

        Args:
            mails: a plain `next` on it is called for each mail; it must not block.
            report: called once for each mail taken, with what became of it; must not block.

        Raises:
            Abandoned: the task was cancelled while a mail was handed over; it has been reported as uncertain.
            CancelledError: the task was cancelled, and all mails taken have been reported with certainty. In both cases
                the session has ended.
            Exception: whatever `mails` or `report` raised first. No more mails were taken after it, and all that had
                been were finished and reported.
        """
        if self._done is not None:
            raise RuntimeError("A stream sends one sequence of mails at a time.")
        if self.ended is not None:
            return self.ended
        self._mails, self._report, self._error = mails, report, None
        self._done = asyncio.get_running_loop().create_future()
        try:
            self._go_on()
            await self._done
        except asyncio.CancelledError as error:
            if self._abandon():
                raise Abandoned("The answer to a mail was not waited for.") from error
            raise
        finally:
            self._done = None
            self._mails, self._report = iter(()), _nobody
        if self._error is not None:
            raise self._error
        return self.ended

    async def close(self) -> None:
        """Say QUIT and close the session. Not during `send`."""
        await self._session.close()

    def heard(self, reply: Reply) -> None:
        """Take the reply to what is waited for; the connection calls this."""
        if not self._awaited:
            self._end(f"The server said something unasked: {reply}", reply)
            return
        step, transaction = self._awaited.popleft()
        if reply.code == CLOSING or not self._understood(step, transaction, reply):
            self._awaited.appendleft((step, transaction))
            if reply.code != CLOSING:
                self._end(f"The server is out of step: it answered {step} with {reply}", reply)
                return
            if step != "RSET":
                transaction.refuse(step, reply)
            self._end(f"The server ends the session: {reply}", reply)
        elif self._connection.ended is None:
            self._go_on()

    def lost(self, ended: Ended) -> None:
        """Report the mails in hand, for nothing more will be heard of them; the connection calls this."""
        for _, transaction in self._awaited:
            if not transaction.told:
                if transaction.handed_over and self._connection.surely_unsent(transaction.end_at):
                    transaction.handed_over = False
                self._tell(transaction, transaction.lost(ended.reason))
        self._awaited.clear()
        self._finish()

    def _understood(self, step: Step, transaction: Transaction, reply: Reply) -> bool:
        """Do what the reply calls for; return False when it is no possible answer to the step."""
        kind = reply.code // 100
        match step:
            case "RSET":
                if kind == DONE and not self._pipelining:
                    self._write(transaction.mail_command, "MAIL", transaction)
                return kind == DONE
            case "dot":
                return kind != GO_ON
            case "content":
                # What came together with the go-ahead cannot be about a content that had not been written yet.
                early = self._connection.arrivals == self._handed_over_at
                if kind in KINDS and not early:
                    self._tell(transaction, outcome(step, reply))
                return transaction.told
            case "DATA" if kind == GO_ON:
                return self._go_ahead(transaction)
            case "MAIL" | "RCPT" | "DATA" if kind in {NOT_NOW, NEVER}:
                self._refused(step, transaction, reply)
            case "MAIL" | "RCPT" if kind == DONE:
                self._agreed(step, transaction)
            case _:
                return False
        return True

    def _agreed(self, step: Step, transaction: Transaction) -> None:
        """The server has accepted MAIL or RCPT: without groups the next command follows now."""
        if step == "RCPT":
            transaction.recipient_taken = True
        if not self._pipelining and step == "MAIL":
            self._write(transaction.rcpt_command, "RCPT", transaction)
        elif not self._pipelining:
            self._write(DATA, "DATA", transaction)

    def _refused(self, step: Step, transaction: Transaction, reply: Reply) -> None:
        """The server has refused a part of the envelope. In a group this is told when DATA is answered as well."""
        transaction.refuse(step, reply)
        if transaction.refusal is not None and (step == "DATA" or not self._pipelining):
            self._half_way = step != "MAIL"
            self._tell(transaction, transaction.refusal)

    def _go_ahead(self, transaction: Transaction) -> bool:
        """The server waits for the content; return False when it should not."""
        if transaction.refusal is None:
            self._handed_over_at = self._connection.arrivals
            self._awaited.append(("content", transaction))
            transaction.end_at = self._connection.sent + len(transaction.content) + len(DOT)
            if not self._written_down(transaction):
                return True
            transaction.handed_over = self._next([transaction.content, DOT])
            if not transaction.handed_over:
                self._end("The connection broke.")
            return True
        if transaction.recipient_taken:
            # It refused MAIL and yet has a recipient: a dot would send that one an empty mail.
            return False
        self._tell(transaction, transaction.refusal)
        self._half_way = True
        self._awaited.append(("dot", transaction))
        if not self._next([DOT]):
            self._end("The connection broke.")
        return True

    def _written_down(self, transaction: Transaction) -> bool:
        """Have the witness note that the mail is about to go out; return whether it may."""
        witness = self._connection.witness
        if witness is None:
            return True
        try:
            witness.begun(transaction.mail, self._connection.received, transaction.end_at)
            witness.keep()
        except OSError as error:
            self._end(f"What is sent cannot be written down: {error}")
            return False
        return True

    def _go_on(self) -> None:
        """Begin the next mail if nothing is waited for; set the time for what is, or finish."""
        if not self._awaited and not self._next([]):
            self._end("The connection broke.")
        if self._awaited:
            self._connection.expect(self._patience[self._awaited[0][0]])
        else:
            self._finish()

    def _next(self, front: list[bytes]) -> bool:
        """Write `front` and behind it what may already be said of the next mail; return whether it could be written."""
        transaction = self._take() if self._pipelining or not front else None
        awaited: list[tuple[Step, Transaction]] = []
        if transaction is not None:
            if self._half_way:
                self._half_way = False
                front.append(RSET)
                awaited.append(("RSET", transaction))
            if self._pipelining:
                front += (transaction.mail_command, transaction.rcpt_command, DATA)
                awaited += (("MAIL", transaction), ("RCPT", transaction), ("DATA", transaction))
            elif not awaited:
                front.append(transaction.mail_command)
                awaited.append(("MAIL", transaction))
        self._awaited.extend(awaited)
        return not front or self._connection.write(b"".join(front))

    def _write(self, command: bytes, step: Step, transaction: Transaction) -> None:
        self._awaited.append((step, transaction))
        if not self._connection.write(command):
            self._end("The connection broke.")

    def _take(self) -> Transaction | None:
        """Return the next mail that can go to this server, having told of those that cannot."""
        while self._error is None:
            try:
                mail = next(self._mails)
            except StopIteration:
                return None
            except Exception as error:  # noqa: BLE001 - the caller's own; `send` raises it when those in hand are done
                self._error = error
                return None
            try:
                return Transaction(mail, *envelope(mail, self._offered), stuffed(mail.content))
            except BadMessage as error:
                self._told(mail, Outcome("refused_for_good", str(error)))
        return None

    def _tell(self, transaction: Transaction, result: Outcome) -> None:
        transaction.told = True
        self._told(transaction.mail, result)

    def _told(self, mail: Outgoing[Any], result: Outcome) -> None:
        try:
            self._report(mail, result)
        except Exception as error:  # noqa: BLE001 - the caller's own; `send` raises it when those in hand are done
            self._error = self._error or error

    def _abandon(self) -> bool:
        """End the session at once; return whether a mail's fate is unknown for that."""
        in_hand = [transaction for _, transaction in self._awaited if not transaction.told]
        if self._awaited:
            self._end("The sending was cancelled.")
        return any(transaction.handed_over for transaction in in_hand)

    def _end(self, reason: str, reply: Reply | None = None) -> None:
        code = reply.code if reply is not None and reply.code == CLOSING else None
        self._connection.end(Ended(reason, code))

    def _finish(self) -> None:
        self._connection.expect(None)
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


def _nobody(_mail: Outgoing[Any], _result: Outcome) -> None:
    """Stand in for `report` while nothing is sent and there is nothing to report."""
