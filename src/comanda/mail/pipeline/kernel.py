"""What the kernel knows of a TCP connection (Linux): how far its octets got, in both directions.

It needs nothing but the standard library, for the guard process loads it alone.
"""

import fcntl
import socket
import struct
from typing import NamedTuple

SIOCINQ, SIOCOUTQ = 0x541B, 0x5411
"""Octets that are unread; octets that are written and not acknowledged (tcp(7))."""

ESTABLISHED, CLOSED, CLOSE_WAIT = 1, 7, 8
"""States of a connection (tcp_states.h)."""

_COUNTS_AT = 120
"""Where `tcpi_bytes_acked` and `tcpi_bytes_received` stand in `struct tcp_info` (linux/tcp.h), since Linux 4.1."""

_INFO_SIZE = 136


class Progress(NamedTuple):
    """How far a connection of ours got; all counts are octets since it was made.

    Attributes:
        state: of the connection; `CLOSED` when it was reset.
        acknowledged: the other side's kernel said that it has them.
        handed: written by us and taken by our kernel.
        received: from the other side, by our kernel.
        unread: of those, not read by a process yet.
    """

    state: int
    acknowledged: int
    handed: int
    received: int
    unread: int

    @property
    def finished(self) -> bool:
        """The other side has closed in good order, having acknowledged all that it had by then."""
        return self.state == CLOSE_WAIT


def progress(connection: socket.socket) -> Progress:
    """Return how far a connection that we opened got, and did not shut down yet.

    The kernel counts our SYN as an octet acknowledged, and the other side's FIN as one received (seen on Linux 6.18;
    a test watches it). On a reset connection (`CLOSED`) nobody can tell whether a FIN came before: `received` may be
    one too many there.

    Raises:
        OSError: it is no TCP connection, or no Linux.
    """
    while True:
        before = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        unread, waiting = _count(connection, SIOCINQ), _count(connection, SIOCOUTQ)
        after = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        # Something may come in between the two questions.
        if before[0] == after[0] and before[_COUNTS_AT:] == after[_COUNTS_AT:]:
            break
    acknowledged, received = struct.unpack_from("QQ", after, _COUNTS_AT)
    acknowledged -= 1
    return Progress(after[0], acknowledged, acknowledged + waiting, received - (after[0] == CLOSE_WAIT), unread)


def _count(connection: socket.socket, question: int) -> int:
    answer = bytearray(4)
    fcntl.ioctl(connection.fileno(), question, answer)
    return int(struct.unpack("i", answer)[0])
