"""The outermost layer: a request id and the security headers on every answer, errors included."""

import re
from collections.abc import Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from comanda.engine.ids import Ids
from comanda.web.cookies import VISITOR_COOKIE, set_cookie
from comanda.web.csrf import NEW_VISITOR

REQUEST_ID = "request_id"
"""Where the request's id stands in its state."""

_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def content_policy(form_targets: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy: everything from this house, nothing in-line, no frames around it.

    Args:
        form_targets: other origins to which a form's answer may lead (a payment provider's page).
    """
    targets = " ".join(["'self'", *form_targets])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}"
    )


class Frame:
    """ASGI middleware around the whole application.

    Args:
        app: the application.
        ids: where request ids come from, for requests that bring none.
        secure: whether the public address is https.
        form_targets: see `content_policy`.
    """

    def __init__(self, app: ASGIApp, *, ids: Ids, secure: bool, form_targets: Sequence[str] = ()) -> None:
        self._app = app
        self._ids = ids
        self._secure = secure
        self._policy = (b"content-security-policy", content_policy(form_targets).encode())
        self._fixed = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]
        if secure:
            self._fixed.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress its answer."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = _given_id(scope) or self._ids.token().encode()
        state[REQUEST_ID] = request_id.decode()

        async def dress(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                own = {name for name, _ in headers}
                headers += self._fixed
                headers.append((b"x-request-id", request_id))
                if b"content-security-policy" not in own:
                    headers.append(self._policy)
                if b"cache-control" not in own:
                    headers.append((b"cache-control", b"no-store"))
                if NEW_VISITOR in state:
                    cookie = set_cookie(VISITOR_COOKIE, state[NEW_VISITOR], secure=self._secure)
                    headers.append((b"set-cookie", cookie.encode()))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, dress)


def _given_id(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value if _GOOD_ID.fullmatch(value) else None
    return None
