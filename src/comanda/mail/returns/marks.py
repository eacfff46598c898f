"""Signed tokens that say which campaign, and which of its recipients, something is about.

A token is eight octets (campaign, recipient), or ten with a link's number, and the first ten octets of an HMAC-SHA256
over its kind and them. Whoever guesses is right once in 2**80 tries; a coupon's code, which people type, carries five
octets (once in 2**40, about 10**12, so the door where codes are entered should limit tries). Each kind signs with a
key of its own, so that no token passes for one of another kind. Nothing is stored, and nothing expires.
"""

import base64
import binascii
import hmac
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from comanda.engine.errors import SettingError

Kind = Literal["bounce", "unsubscribe", "open", "click", "message-id", "coupon"]

KINDS: tuple[Kind, ...] = ("bounce", "unsubscribe", "open", "click", "message-id", "coupon")

MAC_OCTETS = 10
COUPON_MAC_OCTETS = 5

MOST_NUMBER = 2**31 - 1
"""The greatest campaign and recipient."""

MOST_LINK = 2**16 - 1
"""The greatest link number; the least is 0."""

LEAST_KEY_OCTETS = 16

MOST_LOCAL_OCTETS = 64
"""The longest local part of an address (RFC 5321, section 4.5.3.1.1)."""

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = bytes.maketrans(_PLAIN, _CROCKFORD)
_FROM_CROCKFORD = bytes.maketrans(_CROCKFORD + b"OIL", _PLAIN + b"ABB")
_TYPED = re.compile(r"[0-9A-HJKMNP-TV-ZOIL]{12,26}")
_MESSAGE_ID = re.compile(r"<c([1-9][0-9]{0,9})\.([1-9][0-9]{0,9})\.([a-z2-7]{16})@[^<>@\s]+>", re.IGNORECASE)
_TEN_BITS = [first + second for first in _PLAIN.decode().lower() for second in _PLAIN.decode().lower()]
_PAIR = struct.Struct(">II")
_TRIPLE = struct.Struct(">IIH")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a token says: the numbers of a campaign, of its recipient, and of the link in a click's token (else 0)."""

    campaign: int
    recipient: int
    link: int = 0


class Marks:
    """Writes tokens and reads them back.

    Args:
        keys: secrets of at least 16 octets. The first signs and all verify: a new one goes in front, and the old ones
            stay as long as mails signed with them are in use. Raises `SettingError` for none or a short one.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or min(map(len, keys)) < LEAST_KEY_OCTETS:
            raise SettingError(f"Tokens need at least one key, and each of at least {LEAST_KEY_OCTETS} octets.")
        self._keyed = {kind: [_keyed(key, kind) for key in keys] for kind in KINDS}
        self._signing = {kind: keyed[0] for kind, keyed in self._keyed.items()}

    def bounce(self, campaign: int, recipient: int) -> str:
        """Return 29 characters, a-z and 2-7, for an envelope sender. Numbers out of range raise `ValueError`."""
        return _base32(self._signed("bounce", _pair(campaign, recipient)))

    def bounce_address(self, campaign: int, recipient: int, domain: str, *, local: str = "bounce") -> str:
        """Return `local+TOKEN@domain`. Raises `ValueError` when the local part is over 64 octets."""
        name = f"{local}+{self.bounce(campaign, recipient)}"
        if len(name.encode()) > MOST_LOCAL_OCTETS:
            raise ValueError(f"The local part {name} is longer than {MOST_LOCAL_OCTETS} octets.")
        return f"{name}@{domain}"

    def read_bounce(self, token: str) -> Mark | None:
        """Return what the token says, in whatever case it came back; None when it is not ours."""
        return self._read_pair("bounce", _unbase32(token))

    def read_bounce_address(self, address: str) -> Mark | None:
        """Return what an address's part between the last `+` and the `@` says; None when it is not ours."""
        name, at, _ = address.strip().strip("<>").rpartition("@")
        _, plus, token = name.rpartition("+")
        return self.read_bounce(token) if at and plus else None

    def unsubscribe(self, campaign: int, recipient: int) -> str:
        """Return 24 characters for a URL."""
        return _base64(self._signed("unsubscribe", _pair(campaign, recipient)))

    def read_unsubscribe(self, token: str) -> Mark | None:
        """Return what the token says; None when it is not ours."""
        return self._read_pair("unsubscribe", _unbase64(token))

    def open(self, campaign: int, recipient: int) -> str:
        """Return 24 characters for a URL."""
        return _base64(self._signed("open", _pair(campaign, recipient)))

    def read_open(self, token: str) -> Mark | None:
        """Return what the token says; None when it is not ours."""
        return self._read_pair("open", _unbase64(token))

    def click(self, campaign: int, recipient: int, link: int) -> str:
        """Return 27 characters for a URL; `link` is 0 to 65,535."""
        _check(campaign, recipient)
        if not 0 <= link <= MOST_LINK:
            raise ValueError(f"A link's number is 0 to {MOST_LINK}, not {link}.")
        return _base64(self._signed("click", _TRIPLE.pack(campaign, recipient, link)))

    def read_click(self, token: str) -> Mark | None:
        """Return what the token says; None when it is not ours."""
        data = _unbase64(token)
        if len(data) != _TRIPLE.size + MAC_OCTETS or not self._verified("click", data, MAC_OCTETS):
            return None
        return Mark(*_TRIPLE.unpack_from(data))

    def message_id(self, campaign: int, recipient: int, domain: str) -> str:
        """Return `<c{campaign}.{recipient}.{mac}@domain>`."""
        mac = self._signed("message-id", _pair(campaign, recipient))[_PAIR.size :]
        return f"<c{campaign}.{recipient}.{_base32(mac)}@{domain}>"

    def read_message_id(self, text: str) -> Mark | None:
        """Return what the first Message-ID of ours in `text` says (References holds many); None without one."""
        for found in _MESSAGE_ID.finditer(text):
            campaign, recipient = int(found[1]), int(found[2])
            if max(campaign, recipient) <= MOST_NUMBER:
                data = _PAIR.pack(campaign, recipient) + _unbase32(found[3])
                if (mark := self._read_pair("message-id", data)) is not None:
                    return mark
        return None

    def coupon(self, campaign: int, recipient: int) -> str:
        """Return a code to be typed: 12 to 24 characters, digits and capitals without I, L, O and U."""
        _check(campaign, recipient)
        payload = _varint(campaign) + _varint(recipient)
        return (
            _base32(self._signed("coupon", payload, COUPON_MAC_OCTETS))
            .upper()
            .encode()
            .translate(_TO_CROCKFORD)
            .decode()
        )

    def read_coupon(self, code: str) -> Mark | None:
        """Return what a code says, typed in any case, with spaces, hyphens, or I, L and O for 1, 1 and 0; else None."""
        typed = code[:64].upper().replace("-", "").replace(" ", "")
        if not _TYPED.fullmatch(typed):
            return None
        data = _unbase32(typed.encode().translate(_FROM_CROCKFORD).decode())
        if not self._verified("coupon", data, COUPON_MAC_OCTETS):
            return None
        campaign, rest = _unvarint(data[:-COUPON_MAC_OCTETS])
        recipient, rest = _unvarint(rest)
        return None if rest else Mark(campaign, recipient)

    def _signed(self, kind: Kind, payload: bytes, octets: int = MAC_OCTETS) -> bytes:
        mac = self._signing[kind].copy()
        mac.update(payload)
        return payload + mac.digest()[:octets]

    def _read_pair(self, kind: Kind, data: bytes) -> Mark | None:
        if len(data) != _PAIR.size + MAC_OCTETS or not self._verified(kind, data, MAC_OCTETS):
            return None
        return Mark(*_PAIR.unpack_from(data))

    def _verified(self, kind: Kind, data: bytes, octets: int) -> bool:
        payload, given = data[:-octets], data[-octets:]
        for keyed in self._keyed[kind]:
            mac = keyed.copy()
            mac.update(payload)
            if hmac.compare_digest(mac.digest()[:octets], given):
                return True
        return False


def _keyed(key: bytes, kind: Kind) -> "hmac.HMAC":
    """Return a keyed state to be copied: setting up the key costs more than signing."""
    return hmac.new(hmac.digest(key, f"comanda mark {kind}".encode(), "sha256"), digestmod="sha256")


def _check(campaign: int, recipient: int) -> None:
    if not (1 <= campaign <= MOST_NUMBER and 1 <= recipient <= MOST_NUMBER):
        raise ValueError(f"Campaign and recipient are 1 to {MOST_NUMBER}, not {campaign} and {recipient}.")


def _pair(campaign: int, recipient: int) -> bytes:
    _check(campaign, recipient)
    return _PAIR.pack(campaign, recipient)


def _base32(data: bytes) -> str:
    characters = -(-len(data) * 8 // 5)
    pairs = -(-characters // 2)
    number = int.from_bytes(data, "big") << pairs * 10 - len(data) * 8
    text = "".join([_TEN_BITS[number >> shift & 0x3FF] for shift in range(pairs * 10 - 10, -1, -10)])
    return text[:characters]


def _unbase32(token: str) -> bytes:
    """Return the octets, or none when the token is not what `_base32` writes: its spare bits must be 0."""
    if len(token) > MOST_LOCAL_OCTETS or not token.isascii():
        return b""
    try:
        data = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except binascii.Error:
        return b""
    return data if _base32(data) == token.lower() else b""


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(token: str) -> bytes:
    """Return the octets, or none when the token is not exactly what `_base64` writes."""
    if len(token) > MOST_LOCAL_OCTETS or not token.isascii():
        return b""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return b""
    return data if _base64(data) == token else b""


def _varint(number: int) -> bytes:
    """Return seven bits to an octet, the lowest first; the highest bit says that more follow."""
    octets = bytearray()
    while number >> 7:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _unvarint(data: bytes) -> tuple[int, bytes]:
    """Return the number and what follows it. Only verified octets come here, so that they are well formed."""
    number = 0
    for place, octet in enumerate(data):
        number |= (octet & 0x7F) << 7 * place
        if not octet & 0x80:
            return number, data[place + 1 :]
    return number, b""
