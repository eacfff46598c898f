"""Signatures of webhooks, after Stripe's scheme: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.

Source: https://docs.stripe.com/webhooks#verify-manually. The time is signed too, so that an old delivery that somebody
recorded cannot be sent again.
"""

import hashlib
import hmac

HEADER = "comanda-signature"

TOLERANCE_S = 300.0
"""How far the signed time may be from ours."""


def sign(secret: str, body: bytes, *, now_s: float) -> str:
    """Return the header's value."""
    time_s = int(now_s)
    return f"t={time_s},v1={_digest(secret, time_s, body)}"


def holds(secret: str, body: bytes, header: str, *, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether one of the header's signatures is right and its time is near."""
    time_s: int | None = None
    digests: list[str] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) < 16:  # noqa: PLR2004 - no year 31 million
            time_s = int(value)
        elif name == "v1" and value.isascii():
            digests.append(value)
    if not secret or time_s is None or abs(now_s - time_s) > tolerance_s:
        return False
    wanted = _digest(secret, time_s, body)
    return any(hmac.compare_digest(wanted, digest) for digest in digests)


def _digest(secret: str, time_s: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % time_s + body, hashlib.sha256).hexdigest()
