"""Orders charged through Stripe's SDK, with localstripe in Stripe's place (see `tests/fakes/localstripe_server.py`)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import stripe

from comanda.contexts.payments.providers import Failed
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from tests.fakes.localstripe_process import SECRET, LocalStripeProcess
from tests.integration.payments.door import door
from tests.integration.payments.house import House
from tests.integration.payments.ledgers import entries, money


@pytest.fixture(scope="session")
async def localstripe() -> AsyncIterator[LocalStripeProcess]:
    """The session's localstripe."""
    process = LocalStripeProcess()
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def stripe_provider(localstripe: LocalStripeProcess) -> AsyncIterator[StripeProvider]:
    """A client of it."""
    provider = localstripe.provider()
    yield provider
    await provider.stop()


@pytest.fixture
def stripe_house(database: Database, stripe_provider: StripeProvider) -> House:
    """Payments, with Stripe."""
    return House(database, stripe_provider)


async def _card(localstripe: LocalStripeProcess, number: str) -> str:
    """Register a card as Stripe's own form would; localstripe takes any, Stripe only its test cards."""
    http = stripe.AIOHTTPClient()
    client = stripe.StripeClient(SECRET, base_addresses={"api": localstripe.url}, http_client=http)
    method = await client.v1.payment_methods.create_async(
        {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}}
    )
    await http.close_async()  # type: ignore[no-untyped-call]
    return method.id


async def test_an_order_is_charged_and_its_money_goes_back(
    stripe_house: House, stripe_provider: StripeProvider
) -> None:
    """Charged once, also when the event comes twice; refunded once when the order ends."""
    order = stripe_house.placed(total=2350, method="pm_card_visa")
    await stripe_house.emit(order, order)
    await stripe_house.drain("payments.charge")
    await stripe_house.emit(stripe_house.ended(order.order_id))
    await stripe_house.drain()
    payment = await stripe_house.payment(order.order_id)
    assert (payment["state"], payment["refunded"], payment["provider"]) == ("captured", 2350, "stripe")
    assert payment["provider_ref"].startswith("pi_")
    (refund,) = await stripe_house.refund_rows(order.order_id)
    assert await money(stripe_provider, payment["id"]) == [2350]
    assert await money(stripe_provider, refund["id"]) == [2350]
    assert await stripe_house.facts(order.order_id) == ["PaymentCaptured", "RefundDue", "PaymentRefunded"]


@pytest.mark.parametrize("method", ["pm_card_chargeCustomerFail", "4242424242424242", "tok_visa"])
async def test_a_charge_that_cannot_be_made_fails(
    stripe_house: House, stripe_provider: StripeProvider, method: str
) -> None:
    """A declined card fails; a card's number and what is no payment method are not even sent."""
    order = stripe_house.placed(method=method)
    await stripe_house.emit(order)
    await stripe_house.drain()
    payment = await stripe_house.payment(order.order_id)
    assert payment["state"] == "failed"
    assert await stripe_house.facts(order.order_id) == ["PaymentFailed"]
    assert len(await entries(stripe_provider, payment["id"])) == int(method.startswith("pm_"))


async def test_a_card_that_wants_its_owner_fails_and_cannot_succeed_later(
    stripe_house: House, stripe_provider: StripeProvider, localstripe: LocalStripeProcess
) -> None:
    """3-D Secure is asked for and nobody is there: the intent is cancelled, so that "failed" stays true."""
    order = stripe_house.placed(method=await _card(localstripe, "4000002500003155"))
    work = await stripe_house.claim(order)
    answer = await stripe_provider.charge(work.request)
    assert isinstance(answer, Failed)
    assert answer.reason == "authentication_required"
    (entry,) = await entries(stripe_provider, work.payment_id)
    assert entry.state == "failed"


@pytest.mark.slow  # localstripe waits a second before it sends a webhook
async def test_a_webhook_of_stripes_captures_a_payment_whose_worker_died(
    stripe_house: House, stripe_provider: StripeProvider, localstripe: LocalStripeProcess
) -> None:
    """The charge was made and nobody concluded it; the webhook does."""
    async with door(stripe_house) as address:
        await localstripe.send_webhooks_to(f"{address}stripe")
        order = stripe_house.placed(method="pm_card_visa")
        work = await stripe_house.claim(order)
        await stripe_provider.charge(work.request)
        async with asyncio.timeout(20):
            # localstripe gives no signal.
            while (await stripe_house.payment(order.order_id))["state"] != "captured":  # noqa: ASYNC110 - as told
                await asyncio.sleep(0.02)
    assert await stripe_house.facts(order.order_id) == ["PaymentCaptured"]
    await stripe_house.handle(stripe_house.consumers[0], order)
    assert await money(stripe_provider, work.payment_id) == [2000]


async def test_reconciliation_finds_a_charge_at_stripe(stripe_house: House, stripe_provider: StripeProvider) -> None:
    """Found by our id among the intents of those hours: Stripe's own id was lost with the answer."""
    stripe_house.clock.set(SystemClock().now())
    order = stripe_house.placed(method="pm_card_visa")
    work = await stripe_house.claim(order)
    await stripe_provider.charge(work.request)
    await stripe_house.reconcile()
    payment = await stripe_house.payment(order.order_id)
    assert payment["state"] == "captured"
    assert await money(stripe_provider, payment["id"]) == [2000]
