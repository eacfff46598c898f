"""Whether this process lives, and whether it can do its work.

`/livez` says that the process answers: restart it when it does not. `/readyz` asks each backing service: send no
guests here while it says 503.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from litestar import Response, get
from litestar.types import ControllerRouterHandler

PING_LIMIT_S = 2.0
"""How long a backing service may take to answer before it counts as away."""

Ping = Callable[[], Awaitable[None]]


def health_routes(pings: Mapping[str, Ping]) -> Sequence[ControllerRouterHandler]:
    """Return the handlers; `pings` are asked side by side, each raises when its service does not answer."""

    @get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """Say that this process answers."""
        return {"status": "ok"}

    @get("/readyz", include_in_schema=False)
    async def readyz() -> Response[dict[str, object]]:
        """Say whether all backing services answer, and which do not."""
        results = await asyncio.gather(*(_ping(ping) for ping in pings.values()))
        checks = dict(zip(pings, results, strict=True))
        ready = all(result == "ok" for result in results)
        return Response(
            {"status": "ok" if ready else "unavailable", "checks": checks}, status_code=200 if ready else 503
        )

    return [livez, readyz]


async def _ping(ping: Ping) -> str:
    try:
        async with asyncio.timeout(PING_LIMIT_S):
            await ping()
    except TimeoutError:
        return "does not answer in time"
    except Exception as error:  # noqa: BLE001 - whatever a service raises, it is away, and the page says so
        return f"{type(error).__name__}: {error}"
    return "ok"
