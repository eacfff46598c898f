"""A receiver of traces: a real server that takes what OpenTelemetry's exporters send by OTLP/HTTP."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATIENCE_S = 90.0


@dataclass(frozen=True, kw_only=True)
class ReceivedSpan:
    """A span, as it arrived.

    Attributes:
        service: `service.name` of the process that sent it.
        parent_id: empty where it has none.
        links: trace and span ids.
        failed: whether its status is an error.
    """

    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool


@dataclass
class OtlpReceiver:
    """What has arrived so far."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, holds: Callable[[list[ReceivedSpan]], bool]) -> list[ReceivedSpan]:
        """Wait until the spans that have arrived are enough; return them."""
        async with self._arrived, asyncio.timeout(PATIENCE_S):
            await self._arrived.wait_for(lambda: holds(self.spans))
        return list(self.spans)

    async def take(self, request: web.Request) -> web.Response:
        """Take an export request."""
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        exported = ExportTraceServiceRequest.FromString(body)
        async with self._arrived:
            for one in exported.resource_spans:
                service = _attributes(one.resource.attributes)["service.name"]
                self.spans += [_span(span, service) for scope in one.scope_spans for span in scope.spans]
            self._arrived.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


def _span(span: Any, service: str) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        service=service,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[OtlpReceiver]:
    """Lend a receiver that listens; its `url` is what `COMANDA_TRACES_URL` wants."""
    receiver = OtlpReceiver()
    application = web.Application()
    application.router.add_post("/v1/traces", receiver.take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        receiver.url = f"otlp+http://127.0.0.1:{port}"
        yield receiver
    finally:
        await runner.cleanup()
