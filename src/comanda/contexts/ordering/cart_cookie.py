"""The guest's cart between two pages: sealed in a cookie of the restaurant's own path, so that no row is needed.

The same sealed text travels in the checkout's form. A form that is sent again, after the cookie was emptied, is so
still the same form.
"""

import zlib

import msgspec
from litestar.types import HTTPScope

from comanda.contexts.ordering.cart import Cart
from comanda.engine.errors import Refused
from comanda.engine.idempotency import Seals
from comanda.web.cookies import cookie_of, set_cookie

COOKIE = "comanda_cart"
PURPOSE = "cart"
LIFE_S = 7 * 24 * 3600

MAX_TOKEN_LENGTH = 3600
"""Browsers keep at least 4096 bytes of a cookie, its name and attributes included (RFC 6265, 6.1)."""
MAX_CONTENT_BYTES = 64 * 1024

_decoder = msgspec.json.Decoder(Cart)


class CartCookies:
    """Writes and reads carts; `secure` is whether the cookie travels over https only."""

    def __init__(self, seals: Seals, *, secure: bool) -> None:
        self._seals = seals
        self._secure = secure

    def seal(self, cart: Cart, slug: str) -> str:
        """Return the cart as a text that only we can write; raises `Refused` when it grows too large."""
        token = self._seals.token(PURPOSE, zlib.compress(msgspec.json.encode(cart)), bound_to=slug.encode())
        if len(token) > MAX_TOKEN_LENGTH:
            raise Refused("Your cart is full. Please order this first.", kind="too_large", code="cart-full")
        return token

    def open(self, token: str, slug: str) -> Cart:
        """Return the cart in a sealed text; an empty one when we did not write it for this restaurant."""
        content = self._seals.open(PURPOSE, token, bound_to=slug.encode())
        if content is None:
            return Cart()
        try:
            return _decoder.decode(zlib.decompressobj().decompress(content, MAX_CONTENT_BYTES))
        except (zlib.error, msgspec.DecodeError):
            # An older version of this program wrote it.
            return Cart()

    def read(self, scope: HTTPScope, slug: str) -> Cart:
        """Return the cart that the browser brought along."""
        token = cookie_of(scope, COOKIE)
        return Cart() if token is None else self.open(token, slug)

    def write(self, cart: Cart, slug: str) -> dict[str, str]:
        """Return the header that makes the browser keep the cart; an empty cart is forgotten."""
        token, life_s = (self.seal(cart, slug), LIFE_S) if cart.lines else ("", 0)
        return {"Set-Cookie": set_cookie(COOKIE, token, secure=self._secure, max_age_s=life_s, path=f"/r/{slug}")}
