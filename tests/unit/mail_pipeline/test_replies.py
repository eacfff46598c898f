"""Replies, cut from octets that come in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.mail.pipeline.replies import LONGEST_LINE, MOST_LINES, Malformed, Reply, ReplyReader

WIRE = b"220 ready\r\n250-test.example\r\n250-SIZE 5\r\n250 HELP\r\n354\r\n250 bare\n550 5.1.1 no \xff\r\n"
REPLIES = [
    Reply(220, (b"ready",)),
    Reply(250, (b"test.example", b"SIZE 5", b"HELP")),
    Reply(354, (b"",)),
    Reply(250, (b"bare",)),
    Reply(550, (b"5.1.1 no \xff",)),
]


@given(st.lists(st.integers(0, len(WIRE)), max_size=12).map(sorted))
def test_split_anywhere(cuts: list[int]) -> None:
    """However the octets were split on the way, the same replies come out."""
    reader = ReplyReader()
    pieces = [WIRE[start:end] for start, end in zip([0, *cuts], [*cuts, len(WIRE)], strict=True)]
    assert [reply for piece in pieces for reply in reader.feed(piece)] == REPLIES


def test_octet_by_octet() -> None:
    """Each octet on its own."""
    reader = ReplyReader()
    assert [reply for octet in WIRE for reply in reader.feed(bytes([octet]))] == REPLIES


@pytest.mark.parametrize(
    "bad",
    [
        b"hello\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"199 ok\r\n",
        b"600 ok\r\n",
        b"250_ok\r\n",
        b"2500 ok\r\n",
        b"250-one\r\n550 two\r\n",
        b"250 " + b"x" * LONGEST_LINE + b"\r\n",
        b"250 " + b"x" * LONGEST_LINE,
        b"250-x\r\n" * (MOST_LINES + 1),
    ],
)
def test_no_reply(bad: bytes) -> None:
    """What is no reply, or is too long, is said to be; what came before it counts."""
    with pytest.raises(Malformed):
        list(ReplyReader().feed(bad))
    replies = ReplyReader().feed(b"250 ok\r\n" + bad)
    assert next(replies) == Reply(250, (b"ok",))
    with pytest.raises(Malformed):
        list(replies)


def test_words() -> None:
    """The text joins the lines, and the enhanced code is there only if it fits the code."""
    assert str(REPLIES[1]) == "250 test.example SIZE 5 HELP"
    assert str(REPLIES[2]) == "354"
    assert REPLIES[4].text == "5.1.1 no \ufffd"
    assert REPLIES[4].enhanced == "5.1.1"
    assert Reply(450, (b"5.1.1 no",)).enhanced is None
    assert Reply(450, (b"4.1.1111 no",)).enhanced is None
    assert Reply(250, (b"2.0.0",)).enhanced == "2.0.0"


def test_forgetting() -> None:
    """What was half read is gone after `clear`."""
    reader = ReplyReader()
    assert list(reader.feed(b"250-evil\r\n250 ha")) == []
    reader.clear()
    assert list(reader.feed(b"220 ok\r\n")) == [Reply(220, (b"ok",))]
