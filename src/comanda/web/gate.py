"""The gate that every request passes: who is signed in, and whether a form came from our own page.

Plain ASGI, because the order API is a hot path: a request without cookies or `Authorization` costs one look over
its headers.
"""

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Receive, Scope, Send

from comanda.engine.errors import Refused
from comanda.web.access import MEMBER, StaffSessions
from comanda.web.bodies import MAX_BODY_BYTES
from comanda.web.cookies import SESSION_COOKIE, cookie_of
from comanda.web.csrf import FIELD, HEADER, SESSION_TOKEN, Csrf
from comanda.web.forms import FORM, parse_form

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
URLENCODED = b"application/x-www-form-urlencoded"
SENT_ACROSS_SITES = frozenset({b"", b"text/plain", b"multipart/form-data", URLENCODED})
"""Content types that a page of another site can make a browser send; for all others it asks first, and we say no."""

STAFFS = ("/staff", "/ops")
"""Beginnings of paths at which we look who is signed in."""

OPEN = "exclude_from_csrf"
"""An `opt` of handlers whose posts come from elsewhere by design: a webhook, a mail program's unsubscribe."""


class Gate:
    """Litestar middleware.

    Args:
        app: what stands behind the gate.
        csrf: checks tokens.
        sessions: finds the signed-in member.
        open_paths: beginnings of paths whose forms come from elsewhere by design (a mail program's unsubscribe, say).
    """

    def __init__(self, app: ASGIApp, *, csrf: Csrf, sessions: StaffSessions, open_paths: tuple[str, ...] = ()) -> None:
        self._app = app
        self._csrf = csrf
        self._sessions = sessions
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or raise `Refused`."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        for_programs = path.startswith("/api/")
        content_type, cookies, authorization = _look_over(scope)
        cookie_session = None
        if (cookies or authorization) and (for_programs or path.startswith(STAFFS)):
            cookie_session = await self._sign_in(scope, authorization if for_programs else b"")
        if scope["method"] not in SAFE_METHODS and (not for_programs or cookie_session is not None):
            receive = await self._check_form(scope, receive, content_type.partition(b";")[0].strip().lower())
        await self._app(scope, receive, send)

    async def _sign_in(self, scope: HTTPScope, authorization: bytes) -> str | None:
        """Leave the member in the state; return the session's token when a cookie carried it."""
        if authorization[:7].lower() == b"bearer ":
            scope["state"][MEMBER] = await self._sessions.member(authorization[7:].decode("latin-1").strip())
            return None
        token = cookie_of(scope, SESSION_COOKIE)
        if token is not None:
            scope["state"][SESSION_TOKEN] = token
            scope["state"][MEMBER] = await self._sessions.member(token)
        return token

    async def _check_form(self, scope: HTTPScope, receive: Receive, content_type: bytes) -> Receive:
        """Read a form, refuse it when it has no good token, and return a `receive` that gives its body again."""
        if content_type not in SENT_ACROSS_SITES or scope["route_handler"].opt.get(OPEN):
            return receive
        token = _header(scope, HEADER).decode("latin-1")
        if content_type == URLENCODED:
            body = await _read(scope, receive)
            form = scope["state"][FORM] = parse_form(body)
            token = token or form.one(FIELD)
            receive = _replay(body, receive)
        if _header(scope, b"sec-fetch-site") == b"cross-site" or not self._csrf.accepts(scope, token):
            raise Refused(
                "This page has grown old, or your browser keeps no cookies. Go back, reload it and send it again.",
                kind="forbidden",
                code="form-not-ours",
            )
        return receive


async def _read(scope: HTTPScope, receive: Receive) -> bytes:
    announced = _header(scope, b"content-length")
    chunks: list[bytes] = []
    length = 0
    more = True
    too_large = announced.isdigit() and int(announced[:18]) > MAX_BODY_BYTES
    while more and not too_large:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("The form did not arrive whole.", kind="malformed", code="malformed-form")
        chunks.append(message.get("body", b""))
        length += len(chunks[-1])
        more = message.get("more_body", False)
        too_large = length > MAX_BODY_BYTES
    if too_large:
        raise Refused("The form is too large.", kind="too_large", code="too-large")
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        message: HTTPReceiveMessage = {"type": "http.request", "body": body, "more_body": False}
        return message

    return again


def _look_over(scope: HTTPScope) -> tuple[bytes, bytes, bytes]:
    """Return content type, a cookie header and authorization; empty where there is none."""
    content_type = cookies = authorization = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"cookie":
            cookies = value
        elif name == b"authorization":
            authorization = value
    return content_type, cookies, authorization


def _header(scope: HTTPScope, name: bytes) -> bytes:
    for header, value in scope["headers"]:
        if header == name:
            return value
    return b""
