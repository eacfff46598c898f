"""A mail that is encoded once and filled in by joining bytes: no tree of parts, no folding, nothing encoded twice.

Subject and display name go out as they are where they are short and plain, else as RFC 2047 words. Bodies are
multipart/alternative, quoted-printable, in seven bits. With a signer the head's fixed fields are canonical already, and
the hash of the body goes on from where the first slot is.
"""

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from comanda.mail.dkim.canonical import relaxed_header
from comanda.mail.dkim.signer import SIGNED, DkimSigner
from comanda.mail.errors import BadMessage
from comanda.mail.header import HARD_WIDTH, checked_name, structured_field, text_field
from comanda.mail.message import MailAddress
from comanda.mail.template.parts import Parts, Slot, filled, joined
from comanda.mail.template.quoted import KEPT, SOFT_BREAK, encoded, encoded_value

MOST_SUBJECT = 900
"""Characters of a subject; what is longer is cut off."""
MOST_NAME = 200
"""Characters of a recipient's name in the To header, likewise."""

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+>")
_STRUCTURED = re.compile(r"[!-~]*")

Encoder = Callable[[str], bytes]


class MailTemplate:
    """One mail to many.

    Args:
        sender: who it is from.
        reply_to: where answers go, or None for the sender.
        subject, text, html: the parts of each; values are escaped in HTML, and nowhere taken for markup.
        headers: further fields by name, plain ASCII; a value's slots may only hold ASCII without blanks (addresses).
        date: aware; what the Date field says.
        signer: signs each mail, or None.

    Raises:
        BadMessage: what is fixed cannot stand in a mail.
    """

    def __init__(
        self,
        *,
        sender: MailAddress,
        subject: Parts,
        text: Parts,
        html: Parts,
        date: datetime,
        reply_to: MailAddress | None = None,
        headers: Mapping[str, Parts] | None = None,
        signer: DkimSigner | None = None,
    ) -> None:
        if date.tzinfo is None:
            raise BadMessage("A mail's date needs a time zone.")
        self._subject = tuple(subject)
        self._signer = signer
        self._boundary = _boundary(text, html)
        self._fixed = [f"From: {sender.checked('From').field_value()}\r\n"]
        if reply_to is not None:
            self._fixed.append(f"Reply-To: {reply_to.checked('Reply-To').field_value()}\r\n")
        self._fixed.append(f"Date: {format_datetime(date)}\r\n")
        self._filled: list[tuple[str, tuple[str | Slot, ...]]] = []
        for name, parts in (headers or {}).items():
            if any(isinstance(part, Slot) for part in parts):
                self._filled.append((checked_name(name), tuple(parts)))
            else:
                self._fixed.append(structured_field(name, "".join(map(str, parts))))
        self._fixed.append("MIME-Version: 1.0\r\n")
        self._fixed.append(f'Content-Type: multipart/alternative;\r\n boundary="{self._boundary}"\r\n')
        self._fixed_head = "".join(self._fixed).encode()
        self._canonical_fixed = {
            field.partition(":")[0].lower().encode(): relaxed_header(field.encode()) for field in self._fixed
        }
        self._body = self._compiled(text, html)
        self._first = self._body[0] if isinstance(self._body[0], bytes) else b""
        self._hashed_first = hashlib.sha256(self._first)

    def build(self, values: Mapping[str, str], *, to: MailAddress, message_id: str) -> bytes:
        """Return the whole mail to one recipient, its lines ended by CRLF, without a dot at the beginning of any.

        Args:
            values: by the names of slots; what is missing or empty has its fallback.
            to: the recipient; a name is cleaned and cut, never refused.
            message_id: `<…@…>`.

        Raises:
            BadMessage: the address, the id, or the value of a header is none.
        """
        dynamic = self._dynamic_fields(values, to, message_id)
        body = [part if isinstance(part, bytes) else part[0](part[1].value(values)) for part in self._body]
        content = SOFT_BREAK.join(body)
        head = b"".join((self._fixed_head, *dynamic.values(), b"\r\n"))
        if self._signer is None:
            return head + content
        return self._signature(dynamic, content) + head + content

    def _dynamic_fields(self, values: Mapping[str, str], to: MailAddress, message_id: str) -> dict[bytes, bytes]:
        if not _MESSAGE_ID.fullmatch(message_id):
            raise BadMessage(f"{message_id!r} is not a message id.")
        fields = {
            b"to": _to(to),
            b"subject": _subject(filled(self._subject, values)),
            b"message-id": f"Message-ID: {message_id}\r\n".encode(),
        }
        for name, parts in self._filled:
            value = filled(parts, values)
            if len(name) + 2 + len(value) > HARD_WIDTH or not all(map(_STRUCTURED.fullmatch, value.split(" "))):
                raise BadMessage(f"The header {name} cannot hold {value[:80]!r}.")
            fields[name.lower().encode()] = f"{name}: {value}\r\n".encode()
        return fields

    def _signature(self, dynamic: Mapping[bytes, bytes], content: bytes) -> bytes:
        if self._signer is None:
            raise TypeError("This template has no signer.")
        body_hash = self._hashed_first.copy()
        body_hash.update(memoryview(content)[len(self._first) :])
        canonical = self._canonical_fixed
        headers = [
            (name, relaxed_header(dynamic[name]) if name in dynamic else canonical[name])
            for name in SIGNED
            if name in dynamic or name in canonical
        ]
        return self._signer.field(headers, body_hash.digest())

    def _compiled(self, text: Parts, html_parts: Parts) -> list[bytes | tuple[Encoder, Slot]]:
        """Return the body as pieces to be joined by soft breaks."""
        out: list[bytes | tuple[Encoder, Slot]] = []
        boundary = self._boundary.encode()
        open_piece = b"--" + boundary + _PART_HEAD % b"plain"
        for parts, encoder, end in (
            (text, encoded_value, b"\r\n--" + boundary + _PART_HEAD % b"html"),
            (html_parts, _encoded_html, b"\r\n--" + boundary + b"--\r\n"),
        ):
            for part in joined(parts):
                if isinstance(part, Slot):
                    out += [open_piece, (encoder, part)]
                    open_piece = b""
                else:
                    open_piece += encoded(part)
            open_piece += end
        out.append(open_piece)
        return out


_PART_HEAD = b"\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


@lru_cache(maxsize=KEPT)
def _encoded_html(value: str) -> bytes:
    return encoded_value(html.escape(value))


def _one_line(text: str) -> str:
    return _SURROGATE.sub("\ufffd", _BREAKS.sub(" ", text)).strip()


@lru_cache(maxsize=KEPT)
def _subject(text: str) -> bytes:
    return text_field("Subject", _one_line(text)[:MOST_SUBJECT]).encode()


def _to(address: MailAddress) -> bytes:
    clean = MailAddress(address.email, _one_line(address.name)[:MOST_NAME]).checked("To")
    return f"To: {clean.field_value()}\r\n".encode()


def _boundary(text: Parts, html_parts: Parts) -> str:
    """Return a boundary that follows from what is fixed; `=_` can stand in no quoted-printable text (RFC 2045, 6.7)."""
    digest = hashlib.sha256(repr((tuple(text), tuple(html_parts))).encode()).hexdigest()
    return f"=_{digest[:24]}"
