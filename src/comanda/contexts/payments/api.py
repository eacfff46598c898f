"""The door for the provider's webhooks.

Nothing but the provider's own word makes a payment paid; a page that the guest comes back to never does.
"""

from collections.abc import Sequence

from litestar import Request, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from comanda.contexts.payments.errors import WebhookRejected
from comanda.contexts.payments.providers import PaymentProvider
from comanda.contexts.payments.service import Settlement
from comanda.engine.database import Database
from comanda.engine.errors import Refused

MAX_BODY_BYTES = 256 * 1024


def webhooks(
    database: Database, provider: PaymentProvider, settlement: Settlement
) -> Sequence[ControllerRouterHandler]:
    """Return the handlers that take the provider's webhooks."""

    @post(
        "/webhooks/payments/{name:str}",
        name="payments:webhook",
        status_code=200,
        request_max_body_size=MAX_BODY_BYTES,
        include_in_schema=False,
        # What proves the sender is the signature, not a cookie.
        opt={"exclude_from_csrf": True},
    )
    async def receive(name: FromPath[str], request: Request[object, object, State]) -> dict[str, str]:
        """Verify, and let take effect once; the answer says what came of it. A provider repeats what gets no 2xx."""
        if name != provider.name:
            raise Refused("No such payment provider.", kind="not_found", code="unknown-provider")
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            event = provider.read_webhook(await request.body(), headers)
        except WebhookRejected as error:
            raise Refused("The signature does not hold.", kind="malformed", code="bad-signature") from error
        if event is None:
            return {"effect": "not_ours"}
        return {"effect": await database.run(lambda tx: settlement.webhook(tx, event))}

    return [receive]
