"""What each card does at the sandbox. Numbers and names are Stripe's test cards where Stripe has one for the case.

Source: https://docs.stripe.com/testing. The last six are ours; Stripe has no card for a provider that fails.
A card is given by its number or by its name; nothing at all means the good card, so that a demo needs no card form.
"""

from typing import Literal

import msgspec


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card and its behaviour.

    Attributes:
        decline: why charges fail; None when they succeed.
        settles: `at_once`, or `later`: the charge is pending first, and a webhook tells how it ended.
        refunds: `at_once`; `later` (pending first); `come_back` (succeeded first, failed later).
        trouble: what else goes wrong while charging: `slow`; `timeout_once` and `timeout_always` (the charge is made,
            the answer never comes; a retry is answered, or is not either); `down_once` (a first 503 without a charge).
    """

    number: str
    name: str
    tells: str
    decline: str | None = None
    settles: Literal["at_once", "later"] = "at_once"
    refunds: Literal["at_once", "later", "come_back"] = "at_once"
    trouble: Literal["none", "slow", "timeout_once", "timeout_always", "down_once"] = "none"


GOOD = Card(number="4242424242424242", name="pm_card_visa", tells="succeeds")

CARDS: tuple[Card, ...] = (
    GOOD,
    Card(number="5555555555554444", name="pm_card_mastercard", tells="succeeds"),
    Card(
        number="4000000000000002",
        name="pm_card_visa_chargeDeclined",
        tells="is declined",
        decline="card_declined",
    ),
    Card(
        number="4000000000009995",
        name="pm_card_visa_chargeDeclinedInsufficientFunds",
        tells="is declined: insufficient funds",
        decline="insufficient_funds",
    ),
    Card(
        number="4000000000009987",
        name="pm_card_visa_chargeDeclinedLostCard",
        tells="is declined: lost",
        decline="lost_card",
    ),
    Card(
        number="4000000000009979",
        name="pm_card_visa_chargeDeclinedStolenCard",
        tells="is declined: stolen",
        decline="stolen_card",
    ),
    Card(
        number="4000000000000069",
        name="pm_card_chargeDeclinedExpiredCard",
        tells="is declined: expired",
        decline="expired_card",
    ),
    Card(
        number="4000000000000127",
        name="pm_card_chargeDeclinedIncorrectCvc",
        tells="is declined: wrong CVC",
        decline="incorrect_cvc",
    ),
    Card(
        number="4000000000000119",
        name="pm_card_chargeDeclinedProcessingError",
        tells="is declined: processing error",
        decline="processing_error",
    ),
    Card(
        number="4000000000000341",
        name="pm_card_chargeCustomerFail",
        tells="can be kept, and is declined when charged",
        decline="card_declined",
    ),
    Card(
        number="4000002760003184",
        name="pm_card_authenticationRequired",
        tells="wants 3-D Secure, which nobody is there to do: declined",
        decline="authentication_required",
    ),
    Card(
        number="4000000000007726",
        name="pm_card_pendingRefund",
        tells="succeeds; its refunds are pending first",
        refunds="later",
    ),
    Card(
        number="4000000000005126",
        name="pm_card_refundFail",
        tells="succeeds; its refunds succeed first and fail later",
        refunds="come_back",
    ),
    Card(number="4000009900000012", name="pm_sandbox_slow", tells="succeeds, slowly", trouble="slow"),
    Card(
        number="4000009900000020",
        name="pm_sandbox_timeout_once",
        tells="is charged, but the first call gets no answer",
        trouble="timeout_once",
    ),
    Card(
        number="4000009900000038",
        name="pm_sandbox_timeout_always",
        tells="is charged, but no call gets an answer: a look-up or a webhook tells",
        trouble="timeout_always",
    ),
    Card(
        number="4000009900000046",
        name="pm_sandbox_down_once",
        tells="gets a 503 first, without a charge, then succeeds",
        trouble="down_once",
    ),
    Card(number="4000009900000053", name="pm_sandbox_later", tells="is pending, then succeeds", settles="later"),
    Card(
        number="4000009900000061",
        name="pm_sandbox_later_declined",
        tells="is pending, then declined",
        settles="later",
        decline="card_declined",
    ),
)

UNKNOWN = Card(number="", name="", tells="is not a card", decline="incorrect_number")
"""What anything else is taken for."""

_BY_METHOD = {card.number: card for card in CARDS} | {card.name: card for card in CARDS} | {"": GOOD}


def card_of(method: str) -> Card:
    """Return the card that a number (spaces and dashes allowed) or a name means; `UNKNOWN` when none."""
    return _BY_METHOD.get(method.replace(" ", "").replace("-", "") if method[:1].isdigit() else method, UNKNOWN)


def table() -> str:
    """Return the cards as a Markdown table, for the documentation."""
    rows = [f"| `{card.number}` | `{card.name}` | {card.tells} |" for card in CARDS]
    return "\n".join(["| number | name | what it does |", "|---|---|---|", *rows])
