"""The API's description, at `/openapi.json`."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

UNUSED = "/api/description"
"""Litestar's own pages of the description live below a folder; guests know the one address at the root."""


def openapi_config() -> OpenAPIConfig:
    """Return what Litestar makes the description from."""
    return OpenAPIConfig(
        title="Comanda",
        version="1",
        description="Online ordering for restaurants, where one intent takes effect once.",
        path=UNUSED,
        render_plugins=[JsonRenderPlugin()],
    )


@get("/openapi.json", include_in_schema=False, sync_to_thread=False, cache=False)
def description(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the OpenAPI document."""
    document = request.app.openapi_schema.to_schema()
    return Response(msgspec.json.encode(document), media_type="application/json")
