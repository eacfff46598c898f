"""A way past the framework for the few requests that come by the thousand.

Half of what a placed order cost its web process was the framework's routing, its building of arguments and its response
objects (see docs/decisions/0012). A request that is just as it should be, for a path that has an express handler, is
answered before the framework sees it. All others, and whatever an express handler does not want (None), go to the
framework with their body given again: there the same service is asked, and mistakes are told.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from comanda.engine.errors import Refused, Unavailable
from comanda.web.bodies import MAX_BODY_BYTES
from comanda.web.problems import MEDIA_TYPE, problem_of
from comanda.web.raw import RawAnswer

log = structlog.get_logger(__name__)

ExpressHandler = Callable[[HTTPScope, bytes], Awaitable[ASGIApp | None]]
"""Given a request and its whole body, returns the answer, or None to leave it to the framework.

What it raises besides `Refused` and `Unavailable` leaves it to the framework too, so it must be safe to ask again.
"""


class Express:
    """ASGI middleware before the framework.

    Args:
        app: the framework.
        routes: the handlers, by method and path.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[tuple[str, str], ExpressHandler]) -> None:
        self._app = app
        self._routes = dict(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the express handler, or by the framework."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        handler = self._routes.get((scope["method"], scope["path"]))
        if handler is None:
            await self._app(scope, receive, send)
            return
        messages, body = await _read(receive)
        answer = None if body is None else await _answer(handler, scope, body)
        if answer is not None:
            scope["path_template"] = scope["path"]
            await answer(scope, receive, send)
        else:
            await self._app(scope, _again(messages, receive), send)


async def _answer(handler: ExpressHandler, scope: HTTPScope, body: bytes) -> ASGIApp | None:
    try:
        return await handler(scope, body)
    except (Refused, Unavailable) as error:
        if isinstance(error, Unavailable):
            log.warning("unavailable", path=scope["path"], error=str(error))
        problem = problem_of(error)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers.items()]
        return RawAnswer(problem.status, problem.body(), headers, media_type=MEDIA_TYPE)
    except Exception:  # noqa: BLE001 - the framework asks again, and logs and answers what nobody foresaw
        return None


async def _read(receive: Receive) -> tuple[list[Any], bytes | None]:
    """Return the messages of the body and the body itself; None where it is too large or did not arrive whole."""
    message: Any = await receive()
    messages = [message]
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return messages, body if len(body) <= MAX_BODY_BYTES else None
    length = 0
    while message["type"] == "http.request":
        length += len(message.get("body", b""))
        if length > MAX_BODY_BYTES:
            return messages, None
        if not message.get("more_body", False):
            return messages, b"".join(m.get("body", b"") for m in messages)
        message = await receive()
        messages.append(message)
    return messages, None


def _again(messages: list[Any], receive: Receive) -> Receive:
    """Return a `receive` that gives `messages` before what comes next."""
    given = iter(messages)

    async def again() -> Any:
        for message in given:
            return message
        return await receive()

    return again
