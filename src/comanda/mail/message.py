"""A mail as a value, and its form on the wire.

`MailMessage` promises that what is put in comes out whole at the other end: emoji, right-to-left scripts, lines of
any length. It refuses (`BadMessage`) what could forge a header: CR, LF, NUL or another control character in any
header value, name or address. Built twice, the same message is the same bytes.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import NamedTuple

from comanda.engine.errors import SettingError
from comanda.mail.errors import BadMessage
from comanda.mail.header import HARD_WIDTH, checked_name, checked_value, phrase, structured_field, text_field

MOST_OCTETS = 20 * 1024 * 1024
"""A built message is never larger; most servers take 25 MB or less."""

WIRE = policy.SMTP.clone(cte_type="7bit")
"""The standard library's policy for SMTP, kept to seven bits so that no server needs an extension for it."""

OWN_HEADERS = frozenset(
    {
        "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version",
        "content-type", "content-transfer-encoding", "content-disposition",
    }
)  # fmt: skip
"""What only the message itself writes."""

_ATOM = r"[^\s<>()\[\]:;,\\\"@\x00-\x1f\x7f]"
_ADDRESS = re.compile(rf"{_ATOM}+@(?!\.)(?:{_ATOM}(?!\.\.))+(?<!\.)")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+>")
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class MailAddress(NamedTuple):
    """An address with the name that is shown for it (empty for none)."""

    email: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "MailAddress":
        """Return the address that a setting names: `a@b.example` or `Name <a@b.example>`; raises `SettingError`."""
        try:
            name, email = parseaddr(checked_value("From", text))
            return cls(email, name).checked("From")
        except BadMessage as error:
            raise SettingError(
                f"{text!r} is not an address; write orders@example.com or Name <orders@example.com>."
            ) from error

    @property
    def domain(self) -> str:
        """What stands after the @, as it goes over the wire."""
        return self.wire.rpartition("@")[2]

    @property
    def wire(self) -> str:
        """The address for the envelope: a non-ASCII domain in its IDNA form, the local part as it stands."""
        local, _, domain = self.email.rpartition("@")
        if domain.isascii():
            return self.email
        try:
            return f"{local}@{domain.encode('idna').decode()}"
        except UnicodeError as error:
            raise BadMessage(f"{self.email!r} is not an e-mail address.") from error

    def checked(self, header: str) -> "MailAddress":
        """Return this address, or raise `BadMessage` when it could not stand in the header of that name."""
        checked_value(header, self.name)
        checked_value(header, self.email)
        if not _ADDRESS.fullmatch(self.email) or len(self.wire.encode()) > HARD_WIDTH // 2:
            raise BadMessage(f"{self.email!r} is not an e-mail address.")
        return self

    def field_value(self) -> str:
        """Return the address as it stands in a header."""
        return f"{phrase(self.name)}\r\n <{self.wire}>" if self.name else self.wire


def mail_text(text: str) -> str:
    """Return `text` as a body may hold it: lines ended by LF, NUL and other controls gone, lone surrogates replaced."""
    return _SURROGATE.sub("\ufffd", _NOT_IN_TEXT.sub("", _LINE_END.sub("\n", text)))


@dataclass(frozen=True, kw_only=True)
class MailMessage:
    """One mail.

    Attributes:
        sender: who it is from; also the envelope's sender.
        to: who gets it, at least one.
        subject: free text.
        text: the plain part.
        html: the HTML part, or None.
        message_id: `<…@…>`; the same for every try of the same mail, so that a second one can be recognised.
        date: aware; what the Date header says.
        headers: further headers with a plain ASCII value (`List-Unsubscribe`).

    Raises:
        BadMessage: as it is made, when any part of it cannot stand in a mail.
    """

    sender: MailAddress
    to: tuple[MailAddress, ...]
    subject: str
    text: str
    message_id: str
    date: datetime
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.to:
            raise BadMessage("A mail needs somebody who gets it.")
        if not _MESSAGE_ID.fullmatch(self.message_id) or len(self.message_id) > HARD_WIDTH // 2:
            raise BadMessage(f"{self.message_id!r} is not a message id.")
        if self.date.tzinfo is None:
            raise BadMessage("A mail's date needs a time zone.")
        self.sender.checked("From")
        for address in self.to:
            address.checked("To")
        for name in self.headers:
            if checked_name(name).lower() in OWN_HEADERS:
                raise BadMessage(f"The header {name} is written by the message itself.")
        self._head()

    @property
    def recipients(self) -> tuple[str, ...]:
        """The envelope's recipients."""
        return tuple(address.wire for address in self.to)

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address has a local part that is not ASCII: only servers with SMTPUTF8 (RFC 6531) take it."""
        return not all(address.wire.isascii() for address in (self.sender, *self.to))

    def as_bytes(self) -> bytes:
        """Return the message as it goes over the wire, lines ended by CRLF, at most 998 octets each.

        Raises:
            BadMessage: it is larger than `MOST_OCTETS`.
        """
        size = len(self.text) + len(self.html or "")
        if size <= MOST_OCTETS:
            wire = self._head().encode() + self.body().as_bytes()
            if len(wire) <= MOST_OCTETS:
                return wire
            size = len(wire)
        raise BadMessage(f"The mail has {size} octets; {MOST_OCTETS} is the most.")

    def body(self) -> EmailMessage:
        """Return the parts as the standard library's message, without the headers above."""
        message = EmailMessage(policy=WIRE)
        message.set_content(mail_text(self.text))
        if self.html is not None:
            message.add_alternative(mail_text(self.html), subtype="html")
            message.set_boundary(self._boundary())
        return message

    def _boundary(self) -> str:
        """Return a boundary that follows from the content, and that therefore no content can hold by intent."""
        digest = hashlib.sha256(f"{self.message_id}\0{self.text}\0{self.html}".encode(errors="replace"))
        return f"=_{digest.hexdigest()[:40]}"

    def _head(self) -> str:
        return (
            f"From: {self.sender.field_value()}\r\n"
            "To: "
            + ",\r\n ".join(address.field_value() for address in self.to)
            + "\r\n"
            + text_field("Subject", self.subject)
            + f"Date: {format_datetime(self.date.astimezone(UTC))}\r\n"
            + f"Message-ID: {self.message_id}\r\n"
            + "".join(structured_field(name, value) for name, value in self.headers.items())
        )
