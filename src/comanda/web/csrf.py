"""Tokens that show that a form was sent from one of our own pages.

A browser that was given a form carries a visitor's cookie; the form carries a nonce with the signature of that
cookie, and on the staff's pages of the session's too (signed double submit, OWASP's "Cross-Site Request Forgery
Prevention"). A page of another site can send neither, and a cookie planted by a neighbouring domain does not match
a signed-in session.
"""

from litestar.types import HTTPScope

from comanda.engine.idempotency import Seals
from comanda.engine.ids import Ids
from comanda.web.cookies import VISITOR_COOKIE, cookie_of

PURPOSE = "csrf"
FIELD = "_csrf"
"""The form field that carries the token."""
HEADER = b"x-csrf-token"
"""The header in which a script may carry it instead."""

NEW_VISITOR = "comanda_new_visitor"
"""Where a visitor's new cookie waits in the request's state until the answer leaves."""
SESSION_TOKEN = "comanda_session_token"  # noqa: S105 - a key of the request's state
"""Where the gate leaves the session's token in the request's state."""


class Csrf:
    """Makes and checks tokens.

    Args:
        seals: sign the tokens.
        ids: where new visitors and nonces come from.
    """

    def __init__(self, seals: Seals, ids: Ids) -> None:
        self._seals = seals
        self._ids = ids

    def token(self, scope: HTTPScope) -> str:
        """Return a token for a form on the page that answers `scope`; the visitor gets a cookie if need be."""
        state = scope["state"]
        visitor = cookie_of(scope, VISITOR_COOKIE) or state.get(NEW_VISITOR)
        if visitor is None:
            visitor = state[NEW_VISITOR] = self._ids.token()
        return self._seals.token(PURPOSE, self._ids.token().encode(), bound_to=_bound(visitor, scope))

    def accepts(self, scope: HTTPScope, token: str) -> bool:
        """Whether `token` was made for this browser and this session."""
        visitor = cookie_of(scope, VISITOR_COOKIE)
        return visitor is not None and self._seals.open(PURPOSE, token, bound_to=_bound(visitor, scope)) is not None


def _bound(visitor: str, scope: HTTPScope) -> bytes:
    return f"\n{visitor}\n{scope['state'].get(SESSION_TOKEN, '')}".encode()
