"""Runs localstripe with the few things added that Stripe has and it lacks. Run by path: `localstripe_server.py PORT`.

localstripe 1.15 lacks, and here is added after Stripe's documentation:
- idempotency keys (https://docs.stripe.com/api/idempotent_requests): it would charge once per call;
- `created` as a filter on the list of PaymentIntents;
- `automatic_payment_methods`, which it refuses as unknown; it is taken and ignored.

Lacking still: it does not keep refunds within the charge, and sends no webhooks about refunds. At each change it writes
all it knows to one file in /tmp; that is switched off, for several run at once.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from localstripe import resources, server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_answers: dict[str, tuple[bytes, int, bytes]] = {}


@web.middleware
async def idempotency(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the first answer again for a key that was used before; refuse it for another body."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return await handler(request)
    asked = request.path.encode() + b"?" + await request.read()
    if key not in _answers:
        answer = await handler(request)
        if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes):
            return answer
        _answers[key] = (asked, answer.status, answer.body)
    first, status, body = _answers[key]
    if first != asked:
        return web.json_response({"error": {"type": "idempotency_error", "message": "Another body."}}, status=400)
    return web.Response(body=body, status=status, content_type="application/json")


def extend() -> None:
    """Add what is missing."""
    intents: Any = resources.PaymentIntent
    create, list_all = intents._api_create.__func__, intents._api_list_all.__func__  # noqa: SLF001 - its only way in

    def created(cls: Any, /, automatic_payment_methods: object = None, **data: Any) -> Any:
        del automatic_payment_methods
        return create(cls, **data)

    def listed(cls: Any, /, url: str, created: dict[str, str] | None = None, **data: Any) -> Any:
        found = list_all(cls, url, **data)
        bounds = created or {}
        least, most = int(bounds.get("gte", 0)), int(bounds.get("lte", sys.maxsize))
        found._list = [one for one in found._list if least <= one.created <= most]  # noqa: SLF001 - as above
        return found

    intents._api_create = classmethod(created)  # noqa: SLF001 - as above
    intents._api_list_all = classmethod(listed)  # noqa: SLF001 - as above
    resources.Store.dump_to_disk = lambda _: None
    server.app.middlewares.insert(0, idempotency)


if __name__ == "__main__":
    extend()
    web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
