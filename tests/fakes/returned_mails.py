"""Mails as they come back: reports of mail servers, and complaints of mailbox providers."""


def delivery_report(message_id: str, status: str = "5.1.1", *, action: str = "failed", to: str = "bounces") -> bytes:
    """Return a report as Postfix writes it, CRLF at its lines' ends."""
    return _crlf(f"""From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {to}@mail.example.org
Subject: Undelivered Mail Returned to Sender
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
Diagnostic-Code: smtp; 550 User unknown

--b1
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Summer is here

Hello
--b1--
""")


def complaint(message_id: str) -> bytes:
    """Return a complaint (ARF, RFC 5965)."""
    return _crlf(f"""From: feedback@provider.example
To: abuse@mail.example.org
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

Somebody called this spam.
--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1

--b1
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Summer is here

Hello
--b1--
""")


def note(to: str) -> bytes:
    """Return an absence note."""
    return _crlf(f"From: guest@example.net\nTo: {to}\nSubject: Away\nAuto-Submitted: auto-replied\n\nI am away.\n")


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
