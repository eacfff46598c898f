"""One connection on asyncio: octets out, replies in, and the one moment at which it has ended.

It is a plain `asyncio.Protocol`, which hands each reply to whoever listens in the same turn of the loop: a task or a
future for each reply would cost more than the mail.
"""

import asyncio
import ssl
from collections import deque
from typing import Literal, NamedTuple, Protocol, cast

from comanda.mail.errors import MailError
from comanda.mail.pipeline.replies import Malformed, Reply, ReplyReader
from comanda.mail.pipeline.wire import Wire
from comanda.mail.pipeline.witness import Witness

MOST_UNHEARD = 64
"""Replies kept while nobody listens; a server that writes more unasked is not one."""


class Ended(NamedTuple):
    """Why a connection is of no use any more.

    Attributes:
        reason: a sentence.
        code: the server's code if it was its wish (421).
        cause: `connection` broken or closed; `time` ran out; `dialogue` that is not SMTP.
    """

    reason: str
    code: int | None = None
    cause: Literal["connection", "time", "dialogue"] = "connection"


class Lost(MailError):
    """The connection ended while a reply was waited for.

    Args:
        ended: why.
    """

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.reason)
        self.ended = ended


class Listener(Protocol):
    """Who is told what comes in."""

    def heard(self, reply: Reply) -> None:
        """Take one reply."""
        ...

    def lost(self, ended: Ended) -> None:
        """Take note that nothing more will come; called once."""
        ...


class Connection(asyncio.Protocol):
    """An open connection.

    Attributes:
        ended: why it is over, or None while it lives.
        listener: who gets the replies; while None, they are kept for `reply`.
        arrivals: how often something came in; replies of the same arrival were written before either was read.
        witness: writes down what comes in, before anything follows from it; or None.
        sent, received: octets so far, since the beginning or since TLS.
    """

    def __init__(self) -> None:
        self.ended: Ended | None = None
        self.listener: Listener | None = None
        self.arrivals = 0
        self.witness: Witness | None = None
        self.sent = 0
        self.received = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = ReplyReader()
        self._unheard: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def wire(self) -> Wire | None:
        """The transport, if it is one that loses nothing with the process."""
        return self._transport if isinstance(self._transport, Wire) else None

    def keep(self) -> None:
        """Have the witness write down what it knows.

        Raises:
            OSError: it cannot.
        """
        if self.witness is not None:
            self.witness.keep()

    def surely_unsent(self, end_at: int) -> bool:
        """Return whether the server certainly has not had so many octets.

        They never left our process; or the server closed in good order, and with its FIN came the last word on what it
        had until then. After a reset the acknowledged count proves nothing: a reset does not acknowledge, and what was
        read just before it may have been waiting for its acknowledgement.
        """
        how_far = self.wire.progress if self.wire is not None else None
        if how_far is None:
            return False
        return end_at > (how_far.acknowledged if how_far.finished else how_far.handed)

    async def reply(self, within_s: float) -> Reply:
        """Return the next reply; for the dialogue before a listener takes over.

        Raises:
            Lost: none came in time, the connection broke, or what came was no reply. The connection is closed.
        """
        if not self._unheard and self.ended is None:
            self.expect(within_s)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self.expect(None)
        if self._unheard:
            return self._unheard.popleft()
        raise Lost(self.ended or Ended("The connection is closed."))

    def write(self, data: bytes) -> bool:
        """Hand all of it to the transport; return False when the connection is closing and certainly none went out."""
        if self.ended is not None or self._transport is None or self._transport.is_closing():
            return False
        self.sent += len(data)
        self._transport.write(data)
        return True

    def expect(self, within_s: float | None) -> None:
        """End the connection if `expect` is not called again within so many seconds; None for no limit."""
        if within_s is None:
            self._deadline = None
            return
        self._deadline = self._loop.time() + within_s
        # One timer serves many replies: when it fires it looks whether the deadline has moved on.
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer(self._deadline)

    async def encrypt(self, context: ssl.SSLContext, host: str, within_s: float) -> None:
        """Go over to TLS. Whatever came in before it is forgotten: anybody may have put that there (CVE-2021-38371).

        Raises:
            OSError: the handshake failed (`ssl.SSLError` among them), or took too long. The connection is closed.
        """
        if self._transport is None or self.ended is not None:
            raise ConnectionAbortedError("The connection is closed.")
        self._unheard.clear()
        self._reader.clear()
        self.sent = self.received = 0
        try:
            # The transport stops reading within this call, before anything more can come in unencrypted.
            if isinstance(self._transport, Wire):
                await self._loop.create_connection(
                    lambda: self,
                    sock=self._transport.detach(),
                    ssl=context,
                    server_hostname=host,
                    ssl_handshake_timeout=within_s,
                )
            else:
                self._transport = await self._loop.start_tls(
                    self._transport, self, context, server_hostname=host, ssl_handshake_timeout=within_s
                )
        except BaseException as error:
            self.end(Ended(f"The TLS handshake failed: {error}"))
            raise
        if self._transport is None:
            self.end(Ended("The connection broke in the TLS handshake."))
            raise ConnectionAbortedError("The connection broke in the TLS handshake.")

    def end(self, ended: Ended) -> None:
        """Close at once and tell the listener; what is still to be written is dropped. Does nothing a second time."""
        if self.ended is not None:
            return
        self.ended = ended
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._wake()
        if self.listener is not None:
            self.listener.lost(ended)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; asyncio calls this."""
        # uvloop's transports are no subclass of asyncio's, so that there is nothing to check here.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Cut replies from what came in and pass them on; asyncio calls this."""
        self.arrivals += 1
        if self.witness is not None:
            self.witness.heard(self.received, data)
        self.received += len(data)
        try:
            for reply in self._reader.feed(data):
                if self.ended is not None:
                    return
                if self.listener is not None:
                    self.listener.heard(reply)
                else:
                    self._keep(reply)
        except Malformed as error:
            self.end(Ended(str(error), cause="dialogue"))
        if self.wire is None:
            # A wire keeps before it takes the octets from the kernel; here they have been taken.
            self._keep_or_end()

    def _keep_or_end(self) -> None:
        try:
            self.keep()
        except OSError as error:
            self.end(Ended(f"What the server says cannot be written down: {error}"))

    def eof_received(self) -> None:
        """End: a server that has nothing more to say answers no mail. asyncio calls this."""
        self.end(Ended("The server closed the connection."))

    def connection_lost(self, error: Exception | None) -> None:
        """End, if this side has not yet; asyncio calls this."""
        self.end(Ended(f"The connection broke: {error}" if error else "The connection was closed."))

    def _keep(self, reply: Reply) -> None:
        if len(self._unheard) >= MOST_UNHEARD:
            self.end(Ended("The server writes replies that nobody asked for.", cause="dialogue"))
            return
        self._unheard.append(reply)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look_at_the_time)

    def _look_at_the_time(self) -> None:
        self._timer = None
        if self._deadline is None or self.ended is not None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self.end(Ended("The server did not answer in time.", cause="time"))
