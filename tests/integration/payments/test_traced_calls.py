"""What the provider is told of the trace in which we call it."""

from uuid import UUID

from aiohttp import web

from comanda.contexts.payments.providers import ChargeRequest, Unknown
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.clock import SystemClock
from comanda.engine.tracing import continued

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_call_carries_the_trace_in_which_it_is_made() -> None:
    """In the header `traceparent`, as the W3C has it; without a trace there is none."""
    told: list[str | None] = []

    async def take(request: web.Request) -> web.Response:
        told.append(request.headers.get("traceparent"))
        return web.Response(status=503)

    application = web.Application()
    application.router.add_post("/v1/charges", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    provider = SandboxProvider(address, secret_key="key", webhook_secret="secret", clock=SystemClock())
    request = ChargeRequest(payment_id=UUID(int=1), order_id=UUID(int=2), amount=100, currency="EUR", method="")
    try:
        with continued(TRACE):
            assert isinstance(await provider.charge(request), Unknown)
        await provider.charge(request)
    finally:
        await provider.stop()
        await runner.cleanup()
    assert told == [TRACE, None]
