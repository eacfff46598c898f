"""The outermost layer: a request id, a trace and the security headers on every answer, errors included."""

import re
from collections.abc import Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from comanda.engine.ids import Ids
from comanda.engine.tracing import QuietTracer, Span, Tracer, begun, valid
from comanda.engine.tracing.context import enter
from comanda.web.cookies import VISITOR_COOKIE, set_cookie
from comanda.web.csrf import NEW_VISITOR
from comanda.web.tally import RequestTally

REQUEST_ID = "request_id"
"""Where the request's id stands in its state."""

UNTRACED = ("/static/", "/livez", "/readyz", "/metrics")
"""Beginnings of paths whose requests are not recorded: they come all the time, and lead nowhere."""

FAULTS = 500
"""Statuses from here on are our own fault."""

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
        tracer: where the requests' spans go.
        tally: counts what is answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        ids: Ids,
        secure: bool,
        form_targets: Sequence[str] = (),
        tracer: Tracer | None = None,
        tally: RequestTally | None = None,
    ) -> None:
        self._app = app
        self._ids = ids
        self._secure = secure
        self._tracer = tracer or QuietTracer()
        self._tally = tally
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
        tally = self._tally
        began_s = tally.now() if tally is not None else 0.0
        state = scope.setdefault("state", {})
        given_id, given_trace = _given(scope)
        request_id = given_id or self._ids.token().encode()
        state[REQUEST_ID] = request_id.decode()
        trace = valid(given_trace.decode("latin-1")) if given_trace is not None else None
        span = self._begin(scope, trace)
        # Each request has a task of its own, and its context ends with it.
        enter(span.traceparent if span is not None else trace or begun(self._ids.new()))
        status = 0

        async def dress(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if tally is not None:
                    tally.add(scope["path"], status, began_s)
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

        if span is None:
            await self._app(scope, receive, dress)
            return
        try:
            await self._app(scope, receive, dress)
        except BaseException as error:
            span.end(error)
            raise
        _end(span, scope, status)

    def _begin(self, scope: HTTPScope, parent: str | None) -> Span | None:
        """Begin a request's span, where anything is recorded. The path itself stays out: it may hold a token."""
        if not self._tracer.recording or scope["path"].startswith(UNTRACED):
            return None
        method = scope["method"]
        return self._tracer.begin(method, kind="server", parent=parent, attributes={"http.request.method": method})


def _end(span: Span, scope: HTTPScope, status: int) -> None:
    """End a request's span, with what is known of it by now.

    Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
    """
    route: str = scope.get("path_template", "")
    if route:
        span.rename(f"{scope['method']} {route}")
        span.note("http.route", route)
    span.note("http.response.status_code", status)
    span.note("comanda.request_id", scope["state"][REQUEST_ID])
    span.end(ServerFault(f"answered with {status}") if status >= FAULTS else None)


class ServerFault(Exception):
    """Marks a span whose answer says that the fault is ours."""


def _given(scope: Scope) -> tuple[bytes | None, bytes | None]:
    """Return the request id and the trace context that the request brings, None for each it does not."""
    request_id = trace = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value if _GOOD_ID.fullmatch(value) else None
        elif name == b"traceparent":
            trace = value
    return request_id, trace
