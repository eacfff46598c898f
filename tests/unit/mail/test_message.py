"""A mail as a value: what is refused, and what comes out whole at the other end."""

import email
import email.policy
import email.utils
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.mail import BadMessage, MailAddress, MailMessage
from comanda.mail.message import mail_text

NOON = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
HEADER = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)
BODY = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.text("aé🍕 .\n\r=", max_size=1500)


def message(**changes: object) -> MailMessage:
    """Return a small mail with some of it changed."""
    values: dict[str, object] = {
        "sender": MailAddress("orders@example.com", "Trattoria"),
        "to": (MailAddress("guest@example.com", "Guest"),),
        "subject": "Your receipt",
        "text": "Thank you.",
        "message_id": "<receipt-1@example.com>",
        "date": NOON,
    }
    return MailMessage(**(values | changes))  # type: ignore[arg-type]


def decoded(value: str) -> str:
    """Return a header as a mail program shows it, by the standard library's older decoder.

    (The newer one of Python 3.11 loses spaces between encoded words.)
    """
    return str(make_header(decode_header(value)))


def parts(wire: bytes) -> tuple[str, str]:
    """Return the plain and the HTML part of a mail, lines ended by LF."""
    parsed = email.message_from_bytes(wire, policy=email.policy.default)
    bodies = [parsed.get_body((kind,)) for kind in ("plain", "html")]
    plain, html = (body.get_content().replace("\r\n", "\n") if body is not None else "" for body in bodies)
    return plain, html


@settings(max_examples=100, deadline=None)
@given(name=HEADER.map(str.strip), subject=HEADER, text=BODY, html=BODY)
def test_what_is_put_in_comes_out_whole(name: str, subject: str, text: str, html: str) -> None:
    """Any name, subject and body survive the wire: emoji, right-to-left, any length; in seven bits, lines under 998."""
    wire = message(
        sender=MailAddress("orders@example.com", name),
        to=(MailAddress("guest@bücher.example", name), MailAddress("two@example.com")),
        subject=subject,
        text=text,
        html=html,
        headers={"List-Unsubscribe": f"<https://example.com/{'u' * 300}>, <mailto:u@example.com>"},
    ).as_bytes()
    assert wire.isascii()
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    parsed = email.message_from_bytes(wire)
    shown, address = email.utils.parseaddr(str(parsed["From"]))
    assert (decoded(shown), address) == (name, "orders@example.com")
    assert [address for _, address in email.utils.getaddresses([str(parsed["To"])])] == [
        "guest@xn--bcher-kva.example",
        "two@example.com",
    ]
    assert decoded(str(parsed["Subject"])) == subject
    assert parts(wire)[0].rstrip("\n") == mail_text(text).rstrip("\n")
    assert parts(wire)[1].rstrip("\n") == mail_text(html).rstrip("\n")


@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\ud800", "\x7f"])
@pytest.mark.parametrize("place", ["sender", "to", "address", "subject", "header", "name", "message_id"])
def test_no_header_can_be_forged(place: str, control: str) -> None:
    """A line break or another control character in any header value, name or address is refused."""
    evil = f"x{control}Bcc: thousands@example.com"
    changes: dict[str, dict[str, object]] = {
        "sender": {"sender": MailAddress("orders@example.com", evil)},
        "to": {"to": (MailAddress("guest@example.com", evil),)},
        "address": {"to": (MailAddress(f"guest{control}@example.com"),)},
        "subject": {"subject": evil},
        "header": {"headers": {"X-Campaign": evil}},
        "name": {"headers": {f"X{control}Y": "1"}},
        "message_id": {"message_id": f"<a{control}@example.com>"},
    }
    with pytest.raises(BadMessage):
        message(**changes[place])


@pytest.mark.parametrize(
    "address",
    [
        "", "guest", "@example.com", "guest@", "a b@example.com", "a@b@c", "<a@example.com>",
        "a@example.com>,<b@example.com",
        "a@example.com SIZE=1", 'a"b@example.com', f"a@{'x' * 600}.example", "a@..", f"a@{'é' * 80}.example",
    ],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    """What is not one address is refused, also where it would add a recipient or an option to the envelope."""
    with pytest.raises(BadMessage):
        message(to=(MailAddress(address),))


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ()},
        {"date": NOON.replace(tzinfo=None)},
        {"message_id": "no brackets@example.com"},
        {"headers": {"Bcc": "x@example.com"}},
        {"headers": {"content-type": "text/html"}},
        {"headers": {"X-Long": "x" * 1000}},
        {"headers": {"X-Emoji": "🍕"}},
        {"headers": {"X Space": "1"}},
    ],
)
def test_what_is_no_mail(changes: dict[str, object]) -> None:
    """Nobody to send to, no zone, a bad id, and headers that the message writes itself or cannot carry are refused."""
    with pytest.raises(BadMessage):
        message(**changes)


def test_a_mail_that_is_too_large() -> None:
    """A mail of more than 20 MB is refused before anything is sent."""
    with pytest.raises(BadMessage, match="octets"):
        message(text="x" * (21 * 1024 * 1024)).as_bytes()


def test_the_same_mail_is_the_same_bytes() -> None:
    """Built twice, a mail is the same octets, so that a second copy can be recognised."""
    assert message(html="<p>hi").as_bytes() == message(html="<p>hi").as_bytes()
    assert message(html="<p>hi").as_bytes() != message(html="<p>ho").as_bytes()


def test_text_that_mail_cannot_hold() -> None:
    """In a body, NUL and controls go, lone surrogates are replaced, and all line ends are one."""
    wire = message(text="a\x00b\x07c\rd\r\ne\u2028f\ud800g").as_bytes()
    assert parts(wire)[0] == "abc\nd\ne\nf\ufffdg\n"


def test_other_letters_in_an_address() -> None:
    """A domain of other letters goes out in its IDNA form; a local part of other letters needs a server for it."""
    assert MailAddress("a@münchen.example").wire == "a@xn--mnchen-3ya.example"
    assert not message(to=(MailAddress("a@münchen.example"),)).needs_smtputf8
    assert message(to=(MailAddress("jürgen@example.com"),)).needs_smtputf8


def test_the_sender_of_a_setting() -> None:
    """A setting names a sender with or without a name; another text is told in a sentence."""
    assert MailAddress.parse("Comanda <orders@localhost>") == MailAddress("orders@localhost", "Comanda")
    assert MailAddress.parse("orders@example.com") == MailAddress("orders@example.com", "")
    for text in ("", "orders", "Comanda <>", "a@b\r\nBcc: c@d"):
        with pytest.raises(SettingError, match="write orders@"):
            MailAddress.parse(text)
