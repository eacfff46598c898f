"""What Stripe's objects, errors and webhooks mean in the terms of the port. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal
from uuid import UUID

import aiohttp
import msgspec
import stripe

from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.providers import (
    Answer,
    Failed,
    LedgerEntry,
    Pending,
    Succeeded,
    Unknown,
    WebhookEvent,
)

ERRORS = (stripe.StripeError, aiohttp.ClientError, TimeoutError, OSError)
"""What a call through the SDK raises; the last three come from reading an answer that breaks off."""

SUBJECT = {"charge": "payment_id", "refund": "refund_id"}
"""Where in an object's metadata our id is."""


class Thing(msgspec.Struct, kw_only=True):
    """A PaymentIntent or a Refund, as far as we read it. `created` is Unix seconds."""

    object: str
    id: str
    status: str | None
    amount: int
    currency: str
    created: int
    metadata: dict[str, str] = {}
    failure_reason: str | None = None
    last_payment_error: Mapping[str, msgspec.Raw] | None = None

    @property
    def kind(self) -> Literal["charge", "refund"]:
        """Which of the two it is."""
        return "refund" if self.object == "refund" else "charge"

    @property
    def subject(self) -> UUID | None:
        """Our id; None when it was made without us."""
        try:
            return UUID(self.metadata[SUBJECT[self.kind]])
        except (KeyError, ValueError):
            return None

    @property
    def at(self) -> datetime:
        """When it was made."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def state(self) -> Literal["succeeded", "failed", "pending"]:
        """What its status comes to."""
        if self.status == "succeeded":
            return "succeeded"
        return "failed" if self.status in {"requires_payment_method", "canceled", "failed"} else "pending"

    def answer(self) -> Answer:
        """Return it as the provider's word."""
        if self.state == "succeeded":
            return Succeeded(ref=self.id, amount=self.amount, currency=self.currency.upper(), at=self.at)
        if self.state == "failed":
            return Failed(reason=self.failure_reason or self._decline() or self.status or "failed", ref=self.id)
        return Pending(ref=self.id)

    def _decline(self) -> str | None:
        told = self.last_payment_error or {}
        for name in ("decline_code", "code"):
            raw = told.get(name)
            value = msgspec.json.decode(raw) if raw is not None else None
            if value:
                return str(value)
        return None


class _Data(msgspec.Struct):
    object: Thing


class _Webhook(msgspec.Struct):
    id: str
    data: _Data


class _Head(msgspec.Struct):
    type: str


def thing(value: stripe.PaymentIntent | stripe.Refund) -> Thing:
    """Return an object of the SDK as far as we read it."""
    return msgspec.json.decode(msgspec.json.encode(value.to_dict(recursive=True)), type=Thing)


def of_webhook(body: bytes) -> WebhookEvent | None:
    """Return what a verified webhook says; None when it speaks of nothing of ours. Raises `msgspec.DecodeError`."""
    kind = msgspec.json.decode(body, type=_Head).type
    if not kind.startswith(("payment_intent.", "refund.", "charge.refund.")):
        return None
    event = msgspec.json.decode(body, type=_Webhook)
    told = event.data.object
    if told.subject is None:
        return None
    return WebhookEvent(id=event.id, kind=told.kind, subject=told.subject, answer=told.answer())


def not_done(error: Exception, key: UUID) -> Answer:
    """Return what an error means: `Failed` only where Stripe has said that no money moved.

    Raises `Contradiction` when the key was used for something else.
    """
    if isinstance(error, stripe.IdempotencyError):
        raise Contradiction(f"Stripe has used the key {key} for something else.") from error
    if isinstance(error, stripe.CardError):
        told = error.error
        intent = getattr(told, "payment_intent", None)
        decline = getattr(told, "decline_code", None)
        return Failed(reason=str(decline or error.code or "declined"), ref=getattr(intent, "id", None))
    if isinstance(error, stripe.InvalidRequestError):
        return Failed(reason=error.code or "invalid_request")
    return unknown(error)


def unknown(error: Exception) -> Unknown:
    """Return an error that says nothing about what became of the money."""
    too_often = getattr(error, "http_status", None) == HTTPStatus.TOO_MANY_REQUESTS
    return Unknown(reason=reason(error), retry_after_s=_retry_after_s(error), too_often=too_often)


def reason(error: Exception) -> str:
    """Return an error as a slug."""
    if isinstance(error, stripe.StripeError) and error.http_status:
        return f"http_{error.http_status}"
    return "timeout" if isinstance(error.__cause__ or error, TimeoutError) else "connection_lost"


def _retry_after_s(error: Exception) -> float | None:
    headers = getattr(error, "headers", None)
    told = str(headers.get("Retry-After", "")) if isinstance(headers, Mapping) else ""
    return float(told) if told.isdigit() else None


def entry(value: stripe.PaymentIntent | stripe.Refund) -> LedgerEntry:
    """Return a line of Stripe's books."""
    told = thing(value)
    return LedgerEntry(
        kind=told.kind,
        ref=told.id,
        subject=told.subject,
        state=told.state,
        amount=told.amount,
        currency=told.currency.upper(),
        at=told.at,
    )
