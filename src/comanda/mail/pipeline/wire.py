"""A transport over a plain TCP socket of which a killed process loses nothing.

asyncio's transports read from the kernel first and tell afterwards: a reply that was read and not written down dies
with the process. Here what came in is looked at (`MSG_PEEK`), written down by the witness, and only then taken from the
kernel. Whoever holds a duplicate of the socket finds there whatever was not written down.

Sending is one system call when the kernel has room.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from comanda.mail.pipeline.kernel import Progress, progress

MOST_AT_ONCE = 65536
"""Octets looked at in one go."""


class Wire(asyncio.Transport):
    """A connected TCP socket, of its own from now on.

    Args:
        connection: connected and not blocking.
        protocol: told what comes in, as by any transport; `connection_made` is called at once.

    Attributes:
        before_read: called when all that was peeked is handled, before it is taken from the kernel; what it raises ends
            the connection.
    """

    def __init__(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.socket = connection
        self.before_read: Callable[[], None] | None = None
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._open = True
        self._last: Progress | None = None
        # A mail's last octets are not to wait for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol.connection_made(self)
        self._loop.add_reader(connection.fileno(), self._look)

    @property
    def progress(self) -> Progress | None:
        """How far the octets got, at the end if the connection is closed; None where the kernel does not tell."""
        if self._open:
            try:
                return progress(self.socket)
            except OSError:
                return None
        return self._last

    def is_closing(self) -> bool:
        """Return whether nothing can be written any more."""
        return not self._open

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand the octets to the kernel, now or as soon as it has room."""
        if not self._open:
            return
        sent = 0
        if not self._unsent:
            try:
                sent = self.socket.send(data)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self._loop.call_soon(self._broken, error)
                return
            if sent == len(data):
                return
            self._loop.add_writer(self.socket.fileno(), self._write_on)
        self._unsent += memoryview(data)[sent:]

    def abort(self) -> None:
        """Close at once; what the kernel has not taken is dropped."""
        if self._open:
            self._shut(socket.SHUT_RDWR)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        """Close; as `abort`, for nothing is kept back here that matters after QUIT."""
        self.abort()

    def detach(self) -> socket.socket:
        """Give the open socket away, for TLS; nothing may be waiting to be written."""
        self._open = False
        self._loop.remove_reader(self.socket.fileno())
        self._loop.remove_writer(self.socket.fileno())
        return self.socket

    def _shut(self, how: int) -> None:
        self._last = self.progress
        self.detach()
        # Others may hold duplicates of the socket: closing ours would not end the connection.
        # A connection that was reset cannot be shut down, and need not be.
        with contextlib.suppress(OSError):
            self.socket.shutdown(how)
        self.socket.close()

    def _look(self) -> None:
        try:
            data = self.socket.recv(MOST_AT_ONCE, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._broken(error)
            return
        if not data:
            self._protocol.eof_received()
            self.abort()
            return
        self._protocol.data_received(data)
        try:
            if self.before_read is not None:
                self.before_read()
            if self._open:
                self.socket.recv(len(data))
        except OSError as error:
            self._broken(error)

    def _write_on(self) -> None:
        try:
            sent = self.socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._broken(error)
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self.socket.fileno())

    def _broken(self, error: OSError) -> None:
        if self._open:
            self._shut(socket.SHUT_RDWR)
            self._protocol.connection_lost(error)
