import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.mail.returns.marks import Mark, Marks
from comanda.mail.returns.reading import Return, read_return

MARKS = Marks([b"a key of sixteen octets"])
MARK = Mark(7, 8)
VERP = MARKS.bounce_address(7, 8, "mail.example.org")
OURS = MARKS.message_id(7, 8, "mail.example.org")


def report(action: str, status: str, reason: str = "", message_id: str = OURS) -> bytes:
    """A delivery report as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: someone@mail.example.org
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

<guest@example.net>: it did not work
--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; guest@example.net
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {reason}

--b1
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Menu

Hello
--b1--
""".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("action", "status", "reason", "kind"),
    [
        ("failed", "5.1.1", "550 5.1.1 no such user", "hard"),
        ("failed", "5.2.1", "mailbox disabled", "hard"),
        ("failed", "5.0.0", "550 User unknown", "hard"),
        ("failed", "5.0.0", "550 5.7.1 blocked", "soft"),
        ("failed", "5.2.2", "mailbox full", "soft"),
        ("failed", "5.7.1", "550 5.7.1 user unknown to our reputation service", "soft"),
        ("failed", "5.1.8", "bad sender", "soft"),
        ("failed", "4.4.1", "timed out", "soft"),
        ("delayed", "4.4.1", "", "delayed"),
        ("delivered", "2.0.0", "", "delivered"),
        ("relayed", "2.0.0", "", "delivered"),
    ],
)
def test_a_report_is_classified(action: str, status: str, reason: str, kind: str) -> None:
    """Only an address that is itself at fault is a hard bounce."""
    came = read_return(report(action, status, reason), MARKS)
    assert (came.kind, came.mark) == (kind, MARK)


def test_whom_it_is_about_is_signed() -> None:
    """The envelope's token says it first; a Message-ID with a wrong signature, and an address, say nothing."""
    forged = OURS.replace("<c7.8.", "<c7.9.")
    assert read_return(report("failed", "5.1.1", message_id=forged), MARKS).mark is None
    assert read_return(report("failed", "5.1.1", message_id=forged), MARKS, [VERP]).mark == MARK
    assert read_return(b"Delivered-To: " + VERP.encode() + b"\r\n\r\n", MARKS).mark == MARK


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("From: MAILER-DAEMON@qmail.example.net\n\nHi. This is the qmail-send program.", "soft"),
        ("From: Mail <x@exim.example.net>\nX-Failed-Recipients: guest@example.net\n\nThis message", "soft"),
        ("From: guest@example.net\nAuto-Submitted: auto-replied\n\nI am away.", "auto_reply"),
        ("From: guest@example.net\nX-Autoreply: yes\n\nI am away.", "auto_reply"),
        ("From: guest@example.net\nSubject: Automatic reply: Menu\n\nI am away.", "auto_reply"),
        ("From: guest@example.net\nAuto-Submitted: no\nSubject: Re: Menu\n\nA table for two?", "unknown"),
    ],
)
def test_mails_without_a_report(head: str, kind: str) -> None:
    """A server's free text is a soft bounce, an absence note an automatic answer, and a person's mail neither."""
    assert read_return(head.encode(), MARKS, [VERP]) == Return(kind, MARK)  # type: ignore[arg-type]


@pytest.mark.parametrize(("feedback", "kind"), [("abuse", "complaint"), ("not-spam", "unknown")])
def test_a_complaint_is_read(feedback: str, kind: str) -> None:
    """A feedback report of abuse is a complaint about the mail that it holds."""
    raw = f"""From: fbl@example.net
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback}
Version: 1

--b
Content-Type: text/rfc822-headers

Message-ID: {OURS}
--b--
"""
    came = read_return(raw.encode(), MARKS)
    assert (came.kind, came.mark) == (kind, MARK)


@given(st.one_of(st.binary(max_size=3000), st.tuples(st.integers(0, 900), st.binary(max_size=40))))
def test_anything_is_read(given_: bytes | tuple[int, bytes]) -> None:
    """Noise, and a report with noise in its middle, are read without an error."""
    whole = report("failed", "5.1.1")
    raw = given_ if isinstance(given_, bytes) else whole[: given_[0]] + given_[1] + whole[given_[0] :]
    assert isinstance(read_return(raw, MARKS), Return)


@pytest.mark.parametrize(
    "raw",
    [
        b"a: b\r\n\r\n" + b"x" * 10_000_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n" * 5_000_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 300_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
        b"To: " + b"a@" * 5_000_000,
        b"<" * 10_000_000,
    ],
    ids=["large", "blocks", "messages", "nested", "addresses", "brackets"],
)
def test_large_and_deep_mails_are_read_in_a_second(raw: bytes) -> None:
    """What is built to be slow or deep is read in under a second of work."""
    begun = time.process_time()
    read_return(raw, MARKS)
    assert time.process_time() - begun < 1
