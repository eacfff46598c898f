"""The signature of a mail (RFC 6376), relaxed/relaxed, with what is the same for every mail made once.

Each header that readers act on is named once more than it is there (oversigning), so that nobody can add a second one
in front of it and keep the signature.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from comanda.engine.errors import SettingError
from comanda.mail.dkim.canonical import fields_of, relaxed_body, relaxed_header
from comanda.mail.dkim.keys import DkimKey

SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
)
"""Headers that are signed where they are there; each is oversigned (RFC 6376, 8.15), there or not."""

LINE = 72
"""Characters of the signature in one line."""

_PADDING = PKCS1v15()
_HASH = hashes.SHA256()


class DkimSigner:
    """Signs mails for one domain.

    Args:
        domain: whose mails these are, in its ASCII form; the From header's domain, or one above it.
        selector: under which `<selector>._domainkey.<domain>` has the public key.
    """

    def __init__(self, domain: str, selector: str, key: DkimKey) -> None:
        for part in (domain, selector):
            if not part or not part.isascii() or any(not (c.isalnum() or c in "-.") for c in part):
                raise SettingError(f"{part!r} cannot stand in DNS; write the ASCII form of a domain or a label.")
        self.domain = domain
        self.selector = selector
        self._private = key.private
        self._start = f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain}; s={selector};\r\n\t"

    def field(self, headers: Sequence[tuple[bytes, bytes]], body_hash: bytes) -> bytes:
        """Return the DKIM-Signature field, with its CRLF.

        Args:
            headers: each to be signed: its name in lower case, and the whole of it in relaxed form; the last first
                where a name is there several times.
            body_hash: SHA-256 of the relaxed body.
        """
        names = [name for name, _ in headers]
        h = _folded_names([*names, *SIGNED])
        value = f"{self._start}h={h};\r\n\tbh={base64.b64encode(body_hash).decode()};\r\n\tb="
        own = b"DKIM-Signature: " + value.encode()
        # The field itself is signed last, with `b` empty and without its CRLF.
        signed = b"".join(canonical for _, canonical in headers) + relaxed_header(own + b"\r\n")[:-2]
        signature = base64.b64encode(self._sign(signed)).decode()
        lines = [signature[at : at + LINE] for at in range(0, len(signature), LINE)]
        return own + "\r\n\t ".join(lines).encode() + b"\r\n"

    def sign(self, mail: bytes) -> bytes:
        """Return a whole mail, its lines ended by CRLF, with its signature in front."""
        head, _, body = mail.partition(b"\r\n\r\n")
        by_name: dict[bytes, list[bytes]] = {}
        for field in fields_of(head + b"\r\n"):
            by_name.setdefault(field.partition(b":")[0].strip().lower(), []).append(relaxed_header(field))
        headers = [(name, field) for name in SIGNED for field in reversed(by_name.get(name, []))]
        return self.field(headers, hashlib.sha256(relaxed_body(body)).digest()) + mail

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self._private, Ed25519PrivateKey):
            return self._private.sign(hashlib.sha256(content).digest())
        return self._private.sign(content, _PADDING, _HASH)


def _folded_names(names: Sequence[bytes]) -> str:
    lines, line = [], ""
    for name in names:
        word = name.decode()
        if line and len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = word
        else:
            line = f"{line}:{word}" if line else word
    lines.append(line)
    return ":\r\n\t ".join(lines)
