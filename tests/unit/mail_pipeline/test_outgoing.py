"""A mail's commands and content as they go over the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.mail.errors import BadMessage
from comanda.mail.pipeline import Outgoing
from comanda.mail.pipeline.capabilities import Capabilities
from comanda.mail.pipeline.outgoing import envelope, stuffed
from comanda.mail.pipeline.replies import Reply


def undone(wire: bytes) -> tuple[bytes, bytes]:
    """Return what a server takes from `wire` as the content, by RFC 5321, 4.5.2, and what it has left."""
    lines: list[bytes] = []
    while True:
        line, end, wire = wire.partition(b"\r\n")
        assert end
        if line == b".":
            return b"".join(lines), wire
        lines.append(line.removeprefix(b".") + end)


@given(st.lists(st.sampled_from([b".", b"\r\n", b"x", b"..", b" "])).map(b"".join))
def test_dots(content: bytes) -> None:
    """A server gets the content back as it was, with its last line ended, and nothing of it is taken for the end."""
    ended = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert undone(stuffed(content) + b".\r\nMAIL") == (ended, b"MAIL")


@given(st.lists(st.sampled_from([b".", b"\r", b"\n", b"x"])).map(b"".join))
def test_nothing_is_smuggled(content: bytes) -> None:
    """A content either is refused, or ends for no server before its end, however that server takes half line ends."""
    try:
        wire = stuffed(content)
    except BadMessage:
        return
    for start in (b"\r", b"\n"):
        assert start + b".\r" not in wire
        assert start + b".\n" not in wire
    assert not wire.startswith((b".\r", b".\n"))


def test_a_content_without_dots_is_not_copied() -> None:
    """What needs no dots goes out as the very octets that came in."""
    content = b"Subject: x\r\n\r\nHello.\r\n"
    assert stuffed(content) is content


def test_what_a_server_offers() -> None:
    """EHLO's lines are read in any case, and with limits that are none."""
    offered = Capabilities.of(
        Reply(250, (b"pipelining", b"Pipelining", b"size 0", b"8bitmime", b"AUTH=LOGIN", b"AUTH plain x", b"", b"\xff"))
    )
    assert offered == Capabilities(
        pipelining=True, size=True, eight_bit=True, log_ins=frozenset({"LOGIN", "PLAIN", "X"})
    )
    assert Capabilities.of(Reply(250, (b"PIPELINING",))) == Capabilities()
    assert Capabilities.of(Reply(250, (b"x", b"SIZE 1000"))).most_octets == 1000
    assert Capabilities.of(Reply(250, (b"x", b"SIZE many"))).most_octets is None


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nDATA", "a@b.example> SIZE=1", "a b@c.example", "a\x00@b", "\ud800@b"]
)
def test_addresses_that_are_none(address: str) -> None:
    """An address cannot bring a command or a parameter of its own."""
    offered = Capabilities(smtputf8=True)
    with pytest.raises(BadMessage):
        envelope(Outgoing(address, "guest@example.com", b"", 0), offered)
    with pytest.raises(BadMessage):
        envelope(Outgoing("", address, b"", 0), offered)


@pytest.mark.parametrize("address", ["", "x" * 321])
def test_recipients_that_are_none(address: str) -> None:
    """Nobody, or too long a name for one, gets no mail."""
    with pytest.raises(BadMessage):
        envelope(Outgoing("", address, b"", 0), Capabilities())
