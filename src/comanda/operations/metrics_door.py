"""The door at which Prometheus knocks.

With a token (`COMANDA_METRICS_TOKEN`) whoever brings it is let in. Without one only programs on this machine are, that
come directly: what a reverse proxy passes on is refused, so that nobody publishes the figures by accident.
"""

import hmac
import ipaddress
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from comanda.engine.errors import Refused
from comanda.operations.metrics import exposition
from comanda.operations.watch import LaneWatch
from comanda.web.access import require
from comanda.web.tally import RequestTally

AnyRequest = Request[Any, Any, Any]

PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers with which a proxy says for whom it asks."""


class MetricsDoor:
    """`/metrics`, and the same for operators who are signed in at `/ops/metrics`.

    Args:
        tally: of this web process.
        token: what a stranger has to bring; empty lets in nobody but this machine.
    """

    def __init__(self, watch: LaneWatch, tally: RequestTally, *, token: str) -> None:
        self._watch = watch
        self._tally = tally
        self._token = token

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            get("/metrics", include_in_schema=False)(self.metrics),
            get("/ops/metrics", guards=[require("operator")], include_in_schema=False)(self.for_operators),
        ]

    async def metrics(self, request: AnyRequest) -> Response[bytes]:
        """Return the figures to a program."""
        self._check(request)
        return await self._figures(request.headers.get("accept", ""))

    async def for_operators(self) -> Response[bytes]:
        """Return the figures to a person."""
        return await self._figures("")

    async def _figures(self, accept: str) -> Response[bytes]:
        body, media_type = exposition(await self._watch.now(), self._tally, accept)
        return Response(body, media_type=media_type)

    def _check(self, request: AnyRequest) -> None:
        if self._token:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                raise Refused(
                    "Bring the token of COMANDA_METRICS_TOKEN, as Authorization: Bearer.",
                    kind="unauthorised",
                    code="token-needed",
                )
        elif not _is_here(request):
            raise Refused(
                "Only this machine may ask, unless COMANDA_METRICS_TOKEN is set and brought.",
                kind="forbidden",
                code="token-needed",
            )


def _is_here(request: AnyRequest) -> bool:
    if request.client is None or any(header in request.headers for header in PASSED_ON):
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
