"""Intents: what the guests of a drill want, each once, and what they were answered. Recorded outside of the system.

What a guest wants, and how, follows from the seed; no two intents have the same guest, so that a mail's recipient tells
whose it is without asking the database.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from comanda.replay.guest import guest_of, key_of, number

MOST_CLICKS = 4
ITEMS = (("soup", 480), ("bread", 250), ("fish", 1890), ("salad", 920))
"""The menu: ids and prices in minor units."""

CARDS = ("",) * 14 + ("pm_card_mastercard",) * 2 + ("pm_sandbox_later",) * 2 + ("pm_card_visa_chargeDeclined",) * 2
"""What guests pay with; none named is a card that succeeds."""

DECLINED = frozenset({"pm_card_visa_chargeDeclined"})

CREATED = 201
CONFLICT = 409


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a guest's story: when, and what was done or answered."""

    at: datetime
    what: str


class Intent(msgspec.Struct, kw_only=True):
    """One guest's intent for one order.

    Attributes:
        number: from 1.
        email, key, form: whose it is, its idempotency key and its form, as sent.
        card: how it is paid.
        total: what it costs, in minor units.
        clicks: how often the guest clicks at the same time.
        cuts: whether one of the clicks is on a connection that breaks.
        reloads: whether the guest reloads afterwards: the same form under another key.
        leaves: the guest clicks once, loses the connection and is never seen again.
        orders: ids of the orders that 201s named.
        answers: how many 201s came.
        refused: answers that should not be.
        story: what the guest did and heard.
    """

    number: int
    email: str
    key: str
    form: bytes
    card: str
    total: int
    clicks: int
    cuts: bool
    reloads: bool
    leaves: bool
    orders: list[str] = []
    answers: int = 0
    refused: list[str] = []
    story: list[Said] = []

    @property
    def declined(self) -> bool:
        """Whether the card is one that is declined."""
        return self.card in DECLINED


def intent_of(seed: int, place: int, *, restaurant: str) -> Intent:
    """Return the intent of that number."""
    name = f"intent {place}"

    def below(what: str, limit: int) -> int:
        return number(seed, name, what, limit)

    guest = guest_of(seed, name)
    lines = [
        (ITEMS[below(f"item {n}", len(ITEMS))], 1 + below(f"quantity {n}", 3)) for n in range(1 + below("lines", 3))
    ]
    card = CARDS[below("card", len(CARDS))]
    total = sum(price * quantity for (_, price), quantity in lines)
    form = {
        "restaurant": restaurant,
        # No phone: two guests may have the same, and whose mail it is must be certain.
        "customer": {"name": guest.name, "email": guest.email},
        "fulfilment": {"type": "pickup"},
        "lines": [{"item": item, "quantity": quantity} for (item, _), quantity in lines],
        "payment": {"method": card},
        "expected_total": total,
    }
    return Intent(
        number=place,
        email=guest.email,
        key=key_of(seed, name, "click"),
        form=msgspec.json.encode(form),
        card=card,
        total=total,
        clicks=1 + below("clicks", MOST_CLICKS),
        cuts=below("cuts", 4) == 0,
        # Who was declined may order again, and a reload after that is one more order.
        reloads=card not in DECLINED and below("reloads", 3) == 0,
        leaves=below("leaves", 12) == 0,
    )


class Record:
    """The intents of a drill in a file of their own, a line for each that has come to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, intent: Intent) -> None:
        """Write one down."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(intent) + b"\n")

    def read(self) -> Sequence[Intent]:
        """Return all that were written down."""
        if not self._path.exists():
            return []
        decoder = msgspec.json.Decoder(Intent)
        return [decoder.decode(line) for line in self._path.read_bytes().splitlines()]
