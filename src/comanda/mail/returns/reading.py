"""What a mail that came back says, and whom it is about.

Delivery reports (RFC 3464), complaints (ARF, RFC 5965), automatic answers (RFC 3834), and the free text of mail servers
that write no report. Whom it is about is told by our signed tokens alone, never by an address that a text names.
Whatever a stranger sends is read: the first 128 KiB of it, to a bounded depth, and without an error.
"""

import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Literal

from comanda.mail.returns.marks import Mark, Marks

ReturnKind = Literal["hard", "soft", "delayed", "delivered", "complaint", "auto_reply", "unknown"]

MOST_READ_OCTETS = 128 * 1024
"""What comes after these is not looked at: a report stands in front of the mail that it returns."""

MOST_NESTED = 32
"""Of a mail that names more boundaries and inner messages than this, only the headers are read."""

MOST_BLANK_LINES = 2000
"""What comes after this many blank lines is not looked at: in a report, each begins an object of its own."""

MOST_REASON = 500

_NESTING = re.compile(rb"boundary|message/", re.IGNORECASE)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_HARD = re.compile(r"5\.(1\.(0|1|2|3|6|10)|2\.1)")
_VAGUE = re.compile(r"5\.(0\.0|5\.0)")
_NOBODY = re.compile(
    r"user unknown|unknown user|no such (user|mailbox|recipient)|(user|mailbox) (not found|does not exist)"
)
_DAEMON = re.compile(r"mailer-daemon|postmaster|microsoftexchange", re.IGNORECASE)
_AWAY = re.compile(r"\s*(automatic reply|auto(-reply)?:|out of (the )?office|abwesenheit)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Return:
    """What came back.

    Attributes:
        kind: `hard`: the address does not work and never will; `soft`: not delivered, and the address may be good;
            `delayed`: still being tried; `delivered`: a success report; `complaint`: called spam; `auto_reply`: an
            absence note; `unknown`: anything else, a person's answer or a challenge among it.
        mark: whom it is about; None when nothing of ours says so.
        status: the enhanced status code (RFC 3463), or "".
        reason: the server's words, at most 500 characters.
    """

    kind: ReturnKind
    mark: Mark | None
    status: str = ""
    reason: str = ""


def read_return(raw: bytes, marks: Marks, recipients: Sequence[str] = ()) -> Return:
    """Return what the mail says; never raises for its content.

    Args:
        raw: the whole mail.
        marks: which tokens are ours.
        recipients: the envelope's, where they are known; else the headers say where it was delivered.
    """
    mail = _parsed(raw[:MOST_READ_OCTETS])
    parts = list(mail.walk())
    mark = _by_address(mail, marks, recipients) or _by_message_id(parts, marks)
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            feedback = next((_text(block, "Feedback-Type") for block in _blocks(part)), "")
            return Return("complaint" if feedback.lower() == "abuse" else "unknown", mark, reason=feedback)
        if kind == "message/delivery-status":
            return _reported(_blocks(part), mark)
    return Return(_unreported(mail), mark)


def _parsed(raw: bytes) -> "Message[str, str]":
    raw = b"\n\n".join(re.split(rb"\n\r?\n", raw, maxsplit=MOST_BLANK_LINES)[:MOST_BLANK_LINES])
    # The parser recurses once for each level; a stranger's mail does not decide how deep.
    if len(_NESTING.findall(raw)) > MOST_NESTED:
        raw = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
        raw = re.sub(rb"(?im)^content-type:", b"X-Content-Type:", raw) + b"\r\n\r\n"
    return email.message_from_bytes(raw)


def _text(mail: "Message[str, str]", name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())


def _blocks(part: "Message[str, str]") -> list["Message[str, str]"]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _by_address(mail: "Message[str, str]", marks: Marks, recipients: Sequence[str]) -> Mark | None:
    for address in recipients:
        if (mark := marks.read_bounce_address(address)) is not None:
            return mark
    for name in ("Delivered-To", "X-Original-To", "To"):
        for value in mail.get_all(name, []):
            for address in re.findall(r"[^\s<>,;]{1,64}@[^\s<>,;]+", str(value)[:2000]):
                if (mark := marks.read_bounce_address(address)) is not None:
                    return mark
    return None


def _by_message_id(parts: Sequence["Message[str, str]"], marks: Marks) -> Mark | None:
    return next((mark for text in _message_ids(parts) if (mark := marks.read_message_id(text)) is not None), None)


def _message_ids(parts: Sequence["Message[str, str]"]) -> Iterator[str]:
    for part in parts:
        for name in ("Message-ID", "In-Reply-To", "References"):
            yield from (str(value)[:10_000] for value in part.get_all(name, []))
        payload = part.get_payload()
        if part.get_content_type() == "text/rfc822-headers" and isinstance(payload, str):
            yield payload


def _reported(blocks: Sequence["Message[str, str]"], mark: Mark | None) -> Return:
    """Read the fields of a delivery report: the first recipient that failed, else the first of any."""
    told = [block for block in blocks if block.get("Action")]
    failed = [block for block in told if _text(block, "Action").lower() == "failed"]
    if not told:
        return Return("soft", mark)
    block = (failed or told)[0]
    reason = _text(block, "Diagnostic-Code")[:MOST_REASON]
    status = _status(_text(block, "Status")) or _status(reason)
    if _VAGUE.fullmatch(status):
        status = _status(reason) or status
    match _text(block, "Action").lower():
        case "failed":
            return Return(_failure(status, reason), mark, status, reason)
        case "delayed":
            return Return("delayed", mark, status, reason)
        case "delivered" | "relayed" | "expanded":
            return Return("delivered", mark, status, reason)
        case _:
            return Return("unknown", mark, status, reason)


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return found[0] if found else ""


def _failure(status: str, reason: str) -> ReturnKind:
    """Return hard only when the address is at fault; a policy, a full box or our own reputation is soft."""
    if _HARD.fullmatch(status) or (_VAGUE.fullmatch(status) and _NOBODY.search(reason.lower())):
        return "hard"
    return "soft"


def _unreported(mail: "Message[str, str]") -> ReturnKind:
    if mail.get("X-Failed-Recipients") or _DAEMON.search(_text(mail, "From")):
        return "soft"
    automatic = _text(mail, "Auto-Submitted").lower()
    marked = mail.get("X-Autoreply") or mail.get("X-Autorespond") or _text(mail, "Precedence").lower() == "auto_reply"
    if (automatic and not automatic.startswith("no")) or marked or _AWAY.match(_text(mail, "Subject")):
        return "auto_reply"
    return "unknown"
