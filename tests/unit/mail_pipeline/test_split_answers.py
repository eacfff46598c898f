"""A stream of mails whose answers come octet by octet, over a transport in memory."""

import asyncio
from collections.abc import Sequence

import pytest

from comanda.mail.pipeline import Outcome, Outgoing, Server, Session, Stream
from comanda.mail.pipeline.capabilities import Capabilities
from comanda.mail.pipeline.connection import Connection


class Memory(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed

    def abort(self) -> None:
        """Close."""
        self.closed = True


def stream() -> tuple[Stream, Connection, Memory]:
    """Return a stream over a transport in memory."""
    connection, transport = Connection(), Memory()
    connection.connection_made(transport)
    session = Session(
        connection=connection,
        server=Server(host="memory", port=25),
        offered=Capabilities(pipelining=True),
        secure=False,
    )
    return Stream(session), connection, transport


def pieces(data: bytes, size: int) -> Sequence[bytes]:
    """Cut `data` into pieces of that many octets."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 100])
async def test_answers_in_pieces(size: int) -> None:
    """Each mail is one write, made when its go-ahead is whole, with the next envelope behind it."""
    sender, connection, transport = stream()
    kinds: list[str] = []

    def report(_mail: Outgoing[int], outcome: Outcome) -> None:
        kinds.append(outcome.kind)

    guests = iter([Outgoing("", f"{number}@x", b"%d\r\n" % number, number) for number in range(3)])
    sending = asyncio.create_task(sender.send(guests, report))
    await asyncio.sleep(0)
    envelopes = [b"MAIL FROM:<>\r\nRCPT TO:<%d@x>\r\nDATA\r\n" % number for number in range(3)]
    assert transport.written == [envelopes[0]]
    for answers in (
        b"250 ok\r\n250 ok\r\n354 go\r\n",
        b"250 kept\r\n250 ok\r\n251-will\r\n251 forward\r\n354 go\r\n",
        b"450-not\r\n450 now\r\n250 ok\r\n250 ok\r\n354 go\r\n",
    ):
        before = len(transport.written)
        for piece in pieces(answers[:-1], size):
            connection.data_received(piece)
        assert len(transport.written) == before
        connection.data_received(answers[-1:])
        assert len(transport.written) == before + 1
    for piece in pieces(b"250 kept\r\n", size):
        connection.data_received(piece)
    assert await sending is None
    assert kinds == ["accepted", "refused_for_now", "accepted"]
    assert transport.written == [
        envelopes[0],
        b"0\r\n.\r\n" + envelopes[1],
        b"1\r\n.\r\n" + envelopes[2],
        b"2\r\n.\r\n",
    ]


async def test_nothing_is_handed_to_a_closing_transport() -> None:
    """A go-ahead that is read after the transport has closed finds the mail unsent: its content went nowhere."""
    sender, connection, transport = stream()
    outcomes: list[Outcome] = []
    mail = Outgoing("", "a@x", b"x\r\n", 0)
    sending = asyncio.create_task(sender.send(iter([mail]), lambda _, outcome: outcomes.append(outcome)))
    await asyncio.sleep(0)
    transport.closed = True
    connection.data_received(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert await sending is not None
    assert [outcome.kind for outcome in outcomes] == ["unsent"]


async def test_words_unasked() -> None:
    """A reply to nothing ends the session, so that it is not taken for the next mail's."""
    sender, connection, transport = stream()
    connection.data_received(b"250 hm\r\n")
    assert transport.closed
    assert sender.ended is not None
    assert await sender.send(iter([Outgoing("", "a@x", b"", 0)]), lambda *_: pytest.fail("sent")) == sender.ended
