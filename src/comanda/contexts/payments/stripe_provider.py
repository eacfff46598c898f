"""Stripe as a `PaymentProvider`, through its official SDK.

A charge is one PaymentIntent, created and confirmed in one call with the guest's payment method, off session: nobody is
there to do 3-D Secure, so an intent that asks for it is cancelled and the charge has failed. Our ids travel as
idempotency keys and as metadata; looking up without knowing Stripe's id goes through the list of intents of those
hours, because Stripe's search lags behind by up to a minute and must not decide whether to charge.
Sources: https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/search#data-freshness.
"""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import msgspec
import stripe

from comanda.contexts.payments import stripe_answers
from comanda.contexts.payments.errors import WebhookRejected
from comanda.contexts.payments.providers import (
    Answer,
    ChargeQuery,
    ChargeRequest,
    Failed,
    LedgerEntry,
    LookUp,
    NotFound,
    Pending,
    RefundQuery,
    RefundRequest,
    Succeeded,
    Unknown,
    WebhookEvent,
)
from comanda.contexts.payments.stripe_answers import ERRORS, reason, thing
from comanda.engine.errors import Unavailable

TIMEOUT_S = 20.0
KEY_WINDOW_S = 86_400.0
"""Stripe prunes keys "after they're at least 24 hours old"."""

MOST_LISTED = 20_000
"""Intents gone through in one look-up; beyond that its answer is `Unknown`."""

CLOCKS_S = 300
"""How far Stripe's clock may be from ours."""

METHOD_PREFIXES = ("pm_", "card_", "src_")
"""What a payment method of Stripe begins with. A card's number never travels through here."""


class StripeProvider:
    """Stripe, or what speaks like it at `base_url`.

    Args:
        secret_key: `sk_…`.
        webhook_secret: `whsec_…`.
        default_method: used where the guest chose nothing; for test mode. Without one such a charge fails.
        base_url: for stand-ins.
        timeout_s: how long a call may take before its answer is `Unknown`.
    """

    name = "stripe"
    key_window_s = KEY_WINDOW_S

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str,
        default_method: str | None = None,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._webhook_secret = webhook_secret
        self._default_method = default_method
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=timeout_s))
        self._client = stripe.StripeClient(
            secret_key,
            # Retrying is the lane's: it knows the key's window.
            max_network_retries=0,
            http_client=self._http,
            base_addresses={"api": base_url} if base_url else None,
        )

    async def charge(self, request: ChargeRequest) -> Answer:
        """Create and confirm a PaymentIntent under the key `payment_id`."""
        method = request.method or self._default_method
        if method is None or not method.startswith(METHOD_PREFIXES):
            return Failed(reason="payment_method_unknown")
        try:
            intent = await self._client.v1.payment_intents.create_async(
                {
                    "amount": request.amount,
                    "currency": request.currency.lower(),
                    "payment_method": method,
                    # Nobody is there to be redirected; Stripe then wants no return address.
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "confirm": True,
                    "off_session": True,
                    "metadata": {"payment_id": str(request.payment_id), "order_id": str(request.order_id)},
                },
                {"idempotency_key": str(request.payment_id)},
            )
        except ERRORS as error:
            return stripe_answers.not_done(error, request.payment_id)
        return await self._answer(intent)

    async def refund(self, request: RefundRequest) -> Answer:
        """Refund a PaymentIntent under the key `refund_id`."""
        try:
            refund = await self._client.v1.refunds.create_async(
                {
                    "payment_intent": request.charge_ref,
                    "amount": request.amount,
                    "metadata": {"refund_id": str(request.refund_id), "payment_id": str(request.payment_id)},
                },
                {"idempotency_key": str(request.refund_id)},
            )
        except ERRORS as error:
            return stripe_answers.not_done(error, request.refund_id)
        return thing(refund).answer()

    async def look_up_charge(self, query: ChargeQuery) -> LookUp:
        """Retrieve the intent, or find it by our id among those created since it was first sent."""
        try:
            if query.charge_ref is not None:
                return await self._answer(await self._client.v1.payment_intents.retrieve_async(query.charge_ref))
            return await self._find(query)
        except ERRORS as error:
            return Unknown(reason=reason(error))

    async def _find(self, query: ChargeQuery) -> LookUp:
        since_s = int(query.first_sent_at.timestamp())
        intents = await self._client.v1.payment_intents.list_async(
            {"limit": 100, "created": {"gte": since_s - CLOCKS_S, "lte": since_s + int(KEY_WINDOW_S) + CLOCKS_S}}
        )
        best: LookUp = NotFound()
        seen = 0
        async for intent in intents.auto_paging_iter():
            seen += 1
            if seen > MOST_LISTED:
                return best if isinstance(best, Succeeded) else Unknown(reason="too_many_to_look_through")
            if thing(intent).subject != query.payment_id:
                continue
            answer = await self._answer(intent)
            if isinstance(answer, Succeeded):
                return answer
            if not isinstance(best, Pending):
                best = answer
        return best

    async def look_up_refund(self, query: RefundQuery) -> LookUp:
        """Find the refund by our id among its intent's."""
        try:
            refunds = await self._client.v1.refunds.list_async({"payment_intent": query.charge_ref, "limit": 100})
            async for refund in refunds.auto_paging_iter():
                if thing(refund).subject == query.refund_id:
                    return thing(refund).answer()
        except ERRORS as error:
            return Unknown(reason=reason(error))
        return NotFound()

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Verify a webhook through the SDK and return what it says."""
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(),
                headers.get("stripe-signature", ""),
                self._webhook_secret,
                stripe.Webhook.DEFAULT_TOLERANCE,
            )
            return stripe_answers.of_webhook(body)
        except (stripe.SignatureVerificationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WebhookRejected(f"Not Stripe's, or not readable: {error}") from error

    async def ping(self) -> None:
        """Raise `Unavailable` when Stripe does not answer, or not to us."""
        try:
            await self._client.v1.payment_intents.list_async({"limit": 1})
        except ERRORS as error:
            raise Unavailable(f"Stripe does not answer: {reason(error)}") from error

    async def stop(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def ledger(self) -> AsyncIterator[LedgerEntry]:
        """Go through all intents, then all refunds. Raises `Unavailable`."""
        try:
            intents = await self._client.v1.payment_intents.list_async({"limit": 100})
            async for intent in intents.auto_paging_iter():
                yield stripe_answers.entry(intent)
            refunds = await self._client.v1.refunds.list_async({"limit": 100})
            async for refund in refunds.auto_paging_iter():
                yield stripe_answers.entry(refund)
        except ERRORS as error:
            raise Unavailable(f"Stripe does not answer: {reason(error)}") from error

    async def _answer(self, intent: stripe.PaymentIntent) -> Answer:
        if intent.status == "requires_action":
            # It must not succeed behind our back once we have said that it failed.
            intent = await self._client.v1.payment_intents.cancel_async(intent.id)
            return Failed(reason="authentication_required", ref=intent.id)
        return thing(intent).answer()
