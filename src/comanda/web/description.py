"""The API's description, at `/openapi.json`."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from comanda.web.problems import MEDIA_TYPE

UNUSED = "/api/description"
"""Litestar's own pages of the description live below a folder; guests know the one address at the root."""

STAFFS = "/api/v1/staff/", "/api/v1/kitchen/", "/api/v1/campaigns", "/api/v1/audiences"
"""Beginnings of paths that want a token; getting one does not."""
TOKENS = "/api/v1/staff/tokens"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Some problems have further members.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/order-again"]},
        "title": {"type": "string", "description": "The same words for every problem of this type."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence that a guest understands."},
        "errors": {
            "type": "array",
            "description": "What is wrong, field by field.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {"type": "string", "examples": ["lines.0.quantity"]},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

REFUSAL: dict[str, Any] = {
    "description": "It was refused, or could not be done just now.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


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
    document = as_it_answers(request.app.openapi_schema.to_schema())
    return Response(msgspec.json.encode(document), media_type="application/json")


def as_it_answers(document: dict[str, Any]) -> dict[str, Any]:
    """Return Litestar's document with the errors that we really answer, and with the token that staff's paths want."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, item in document.get("paths", {}).items():
        for operation in item.values():
            operation["responses"].pop("400", None)
            operation["responses"]["default"] = REFUSAL
            if path.startswith(STAFFS) and not path.startswith(TOKENS):
                operation["security"] = [{"token": []}]
    return document
