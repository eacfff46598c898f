"""An answer that is bytes already: sent as it stands, without a response object's work."""

from collections.abc import Sequence

from litestar.types import Receive, Scope, Send


class RawAnswer:
    """An ASGI application that sends one answer."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        status: int,
        body: bytes,
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        media_type: str = "application/json",
    ) -> None:
        self._status = status
        self._body = body
        self._headers = [
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Send it."""
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
