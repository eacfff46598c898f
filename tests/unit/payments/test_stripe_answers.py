"""What Stripe's objects, errors and webhooks mean. Bodies are shortened from Stripe's API reference."""

from uuid import UUID

import msgspec
import pytest
import stripe

from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.providers import Failed, Pending, Succeeded, Unknown
from comanda.contexts.payments.stripe_answers import not_done, of_webhook

OURS = UUID("01977420-dc02-70a5-abaa-9455e3e70682")


def body(kind: str, **thing: object) -> bytes:
    """Return a webhook's body as Stripe sends it, as far as we read it, and a little more."""
    full = {
        "object": "payment_intent",
        "id": "pi_1",
        "status": "succeeded",
        "amount": 2000,
        "currency": "eur",
        "created": 1_750_000_000,
        "metadata": {"payment_id": str(OURS), "order_id": "x"},
        "livemode": False,
        **thing,
    }
    return msgspec.json.encode({"id": "evt_1", "object": "event", "type": kind, "data": {"object": full}})


def refund_body(kind: str, status: str, **thing: object) -> bytes:
    """Return a webhook about a refund; localstripe sends none."""
    return body(kind, object="refund", id="re_1", status=status, metadata={"refund_id": str(OURS)}, **thing)


def test_a_succeeded_intent() -> None:
    """Money moved, in our currency's spelling, under our id."""
    event = of_webhook(body("payment_intent.succeeded"))
    assert event is not None
    assert (event.id, event.kind, event.subject) == ("evt_1", "charge", OURS)
    assert isinstance(event.answer, Succeeded)
    assert (event.answer.ref, event.answer.amount, event.answer.currency) == ("pi_1", 2000, "EUR")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "expired_card", "decline_code": None}, "expired_card"),
        ({"code": "processing_error", "payment_method": {"id": "pm_1"}}, "processing_error"),
        (None, "requires_payment_method"),
    ],
)
def test_a_declined_intent_says_why(error: object, reason: str) -> None:
    """The bank's own reason where there is one, else Stripe's code."""
    event = of_webhook(
        body("payment_intent.payment_failed", status="requires_payment_method", last_payment_error=error)
    )
    assert event is not None
    assert isinstance(event.answer, Failed)
    assert event.answer.reason == reason


@pytest.mark.parametrize("status", ["processing", "requires_action", "requires_capture", "something_new"])
def test_what_may_still_succeed_is_pending(status: str) -> None:
    """Also a status that did not exist when this was written."""
    event = of_webhook(body("payment_intent.processing", status=status))
    assert event is not None
    assert isinstance(event.answer, Pending)


@pytest.mark.parametrize(
    ("kind", "status", "answer"),
    [
        ("refund.created", "pending", Pending),
        ("refund.updated", "requires_action", Pending),
        ("refund.updated", "succeeded", Succeeded),
        ("charge.refund.updated", "succeeded", Succeeded),
        ("refund.failed", "failed", Failed),
        ("refund.updated", "canceled", Failed),
    ],
)
def test_refunds(kind: str, status: str, answer: type) -> None:
    """What a webhook about a refund means, under the refund's own id."""
    event = of_webhook(refund_body(kind, status, failure_reason="lost_or_stolen_card" if status == "failed" else None))
    assert event is not None
    assert (event.kind, event.subject) == ("refund", OURS)
    assert isinstance(event.answer, answer)


@pytest.mark.parametrize("metadata", [{}, {"payment_id": "gift-7"}, {"refund_id": str(OURS)}])
def test_what_is_not_ours_is_passed_over(metadata: dict[str, str]) -> None:
    """An intent that was made at Stripe without us, and events of other kinds."""
    assert of_webhook(body("payment_intent.succeeded", metadata=metadata)) is None
    assert of_webhook(msgspec.json.encode({"type": "customer.created"})) is None


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (stripe.CardError("no", param=None, code="card_declined"), Failed),  # type: ignore[no-untyped-call]
        (stripe.InvalidRequestError("no", param="amount", code="amount_too_small"), Failed),  # type: ignore[no-untyped-call]
        (stripe.RateLimitError("slow down", http_status=429), Unknown),
        (stripe.APIError("broken", http_status=500), Unknown),
        (stripe.APIError("in use", http_status=409), Unknown),
        (stripe.AuthenticationError("who", http_status=401), Unknown),
        (stripe.PermissionError("no", http_status=403), Unknown),
        (stripe.APIConnectionError("gone"), Unknown),  # type: ignore[no-untyped-call]
        (TimeoutError(), Unknown),
        (OSError(), Unknown),
    ],
)
def test_only_what_was_refused_for_its_content_has_failed(error: Exception, answer: type) -> None:
    """Everything else leaves open whether money moved."""
    assert isinstance(not_done(error, OURS), answer)


def test_a_rate_limit_says_when() -> None:
    """`Retry-After` is handed on, and that we call too often."""
    error = stripe.RateLimitError("slow down", http_status=429, headers={"Retry-After": "7"})
    assert not_done(error, OURS) == Unknown(reason="http_429", retry_after_s=7.0, too_often=True)
    assert not_done(stripe.APIError("broken", http_status=500), OURS) == Unknown(reason="http_500")


def test_a_key_used_for_something_else() -> None:
    """Trying again would not help; a person has to look."""
    with pytest.raises(Contradiction):
        not_done(stripe.IdempotencyError("other parameters", http_status=400), OURS)
