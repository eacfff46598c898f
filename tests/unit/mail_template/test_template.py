"""A template's mails read back whole, whatever is filled in, and nothing that is filled in gets out of its place."""

import email
import email.header
import email.policy
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comanda.mail import BadMessage, MailAddress
from comanda.mail.pipeline.outgoing import stuffed
from comanda.mail.template import MailTemplate, Slot
from comanda.mail.template.quoted import clean, encoded

DATE = datetime(2026, 11, 27, 12, tzinfo=UTC)
SENDER = MailAddress("news@casa.example", "Casa Ñandú")
TO = MailAddress("ana@example.org", "Ana")
MESSAGE_ID = "<c1.2.abc@casa.example>"

anything = st.text(st.characters(codec=None), max_size=200)
nasty = st.sampled_from(
    [
        "Evil\r\nBcc: thousands@example.com\r\n\r\nhello",
        "\x00\x07\x7f",
        "\U0001f355" * 500,
        "\u202egnp.exe",
        "x" * 1200,
        ".\r\n.\r\n",
        "a  b\t c ",
        "=?utf-8?q?no?=",
        "<script>alert(1)</script>&amp;\"'",
        "From me",
        "\ud800",
        "--=_",
    ]
)
values = st.one_of(anything, nasty)


def template(**changes: object) -> MailTemplate:
    """Return a template with a slot at each place where there can be one."""
    parts: dict[str, object] = {
        "sender": SENDER,
        "subject": ["News for ", Slot("name", "you")],
        "text": ["Hello ", Slot("name", "there"), ",\n\n.dot first\nSee ", Slot("link"), " now.\n"],
        "html": ["<p>Hello ", Slot("name", "there"), '</p>\n<a href="', Slot("link"), '">', "now</a> ", "é" * 100],
        "headers": {"List-Id": ["News <news.casa.example>"], "List-Unsubscribe": ["<", Slot("leave"), ">"]},
        "date": DATE,
        **changes,
    }
    return MailTemplate(**parts)  # type: ignore[arg-type]


def read(mail: bytes) -> EmailMessage:
    """Read a mail with the standard library."""
    return email.message_from_bytes(mail, policy=email.policy.default)


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML, with LF."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return _with_lf(text), _with_lf(html)


def _with_lf(part: Any) -> str:
    content: str = part.get_content()
    return content.replace("\r\n", "\n").rstrip("\n")


def built(**filled: str) -> bytes:
    """Return a mail with these values."""
    return template().build({"leave": "https://x.example/u/t", **filled}, to=TO, message_id=MESSAGE_ID)


def test_a_mail_reads_back() -> None:
    """Headers, both bodies and the order of parts are what was put in."""
    mail = read(built(name="Ana", link="https://x.example/c/1?a=b&c=d"))
    assert mail["From"] == "Casa Ñandú <news@casa.example>"
    assert (mail["To"], mail["Subject"]) == ("Ana <ana@example.org>", "News for Ana")
    assert (mail["Message-ID"], mail["List-Id"]) == (MESSAGE_ID, "News <news.casa.example>")
    assert mail["List-Unsubscribe"] == "<https://x.example/u/t>"
    text, html = bodies(mail)
    assert text == "Hello Ana,\n\n.dot first\nSee https://x.example/c/1?a=b&c=d now."
    assert html == '<p>Hello Ana</p>\n<a href="https://x.example/c/1?a=b&amp;c=d">now</a> ' + "é" * 100


def test_what_is_not_known_has_its_fallback() -> None:
    """A missing value and an empty one read like what the writer put behind the bar."""
    for filled in ({}, {"name": ""}):
        mail = read(built(**filled))
        assert mail["Subject"] == "News for you"
        assert bodies(mail)[0].startswith("Hello there,")


@given(values, values)
@example("\u202e\r\nBcc: a@b.c", "")
def test_whatever_is_filled_in_stays_in_its_place(name: str, link: str) -> None:
    """Lines are short and of seven bits, no dot begins one, the headers are the template's, the text is whole."""
    mail = built(name=name, link=link)
    assert mail.isascii()
    assert b"\n." not in mail
    assert stuffed(mail) is mail
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail)
    head, _, body = mail.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76
    names = [line.partition(b":")[0].decode() for line in re.split(rb"\r\n(?![ \t])", head)]
    assert sorted(names) == sorted(
        ["From", "Date", "List-Id", "MIME-Version", "Content-Type", "To", "Subject", "Message-ID", "List-Unsubscribe"]
    )
    assert [part.get_content_type() for part in read(mail).iter_parts()] == ["text/plain", "text/html"]
    text, html = bodies(read(mail))
    shown = clean(name) if name else "there"
    goes_to = clean(link)
    assert text == f"Hello {shown},\n\n.dot first\nSee {goes_to} now.".rstrip("\n")
    assert "<script" not in html


@given(values)
@example("\U0001f468\u200d\U0001f469" * 300)
def test_a_subject_and_a_name_come_out_as_they_went_in(words: str) -> None:
    """On one line, and cut where they are longer than anybody reads."""
    mail = template(subject=[Slot("words")]).build(
        {"words": words, "leave": "x"}, to=MailAddress("ana@example.org", words), message_id=MESSAGE_ID
    )
    line = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", words)
    line = re.sub(r"[\ud800-\udfff]", "\ufffd", line).strip()
    raw = {name.lower(): value for name, value in email.message_from_bytes(mail).items()}
    assert decoded(raw["subject"]) == line[:900]
    assert decoded(raw["to"]).endswith("ana@example.org>" if line else "ana@example.org")
    assert "Bcc" not in email.message_from_bytes(mail)


def decoded(value: str) -> str:
    """Return a header's text, its words decoded one by one."""
    unfolded = value.replace("\r\n", "").replace("\n", "")
    if "=?" not in unfolded:
        return unfolded
    return "".join(
        (part if isinstance(part, str) else part.decode(charset or "ascii"))
        for part, charset in email.header.decode_header(unfolded)
    )


@pytest.mark.parametrize("header", ["x\r\nBcc: y", "ü", "a" * 2000])
def test_a_header_that_cannot_be_is_refused(header: str) -> None:
    """What goes into a header's slot is ours (an address): anything else is an error, not cleaned."""
    with pytest.raises(BadMessage, match="List-Unsubscribe cannot hold"):
        built(leave=header)
    with pytest.raises(BadMessage, match="not a message id"):
        template().build({"leave": "x"}, to=TO, message_id="<a b@c>")
    with pytest.raises(BadMessage, match="To has a line break"):
        template().build({"leave": "x"}, to=MailAddress("ana\r\nBcc"), message_id=MESSAGE_ID)


@given(st.lists(values, max_size=6))
def test_pieces_can_be_joined_anywhere(texts: list[str]) -> None:
    """Whatever is encoded piece by piece and joined by soft breaks decodes to the whole."""
    body = b"=\r\n".join(encoded(text) for text in texts)
    message = email.message_from_bytes(
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + body,
        policy=email.policy.default,
    )
    assert message.get_content().replace("\r\n", "\n") == "".join(map(clean, texts))
    assert not re.search(rb"[ \t](\r\n|$)|[ \t]{2}", body)


def test_a_value_is_no_slot() -> None:
    """A guest called like a slot is written as they are called."""
    filled: Mapping[str, str] = {"name": "{{ link }}", "link": "secret"}
    assert bodies(read(built(**filled)))[0].startswith("Hello {{ link }},")
