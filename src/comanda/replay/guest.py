"""The guests of a replay: one for each order, always the same for the same seed. Pure."""

import hashlib
from typing import NamedTuple

FIRST_NAMES = ("Ann", "Ben", "Carla", "David", "Elif", "Farid", "Grace", "Hiro", "Ines", "Jamal", "Kofi", "Lena")
LAST_NAMES = ("Lee", "Novak", "Garcia", "Okafor", "Rossi", "Sato", "Weber", "Silva", "Martin", "Haddad", "Larsen")


class Guest(NamedTuple):
    """Who ordered."""

    name: str
    email: str
    phone: str


def number(seed: int, order_id: str, what: str, below: int) -> int:
    """Return a number from 0 to `below` (outside) that follows from the seed, the order and what it is for."""
    digest = hashlib.sha256(f"{seed} {order_id} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def guest_of(seed: int, order_id: str) -> Guest:
    """Return the guest of an order: a name, an address at `example.com`, a North American phone number."""
    first = FIRST_NAMES[number(seed, order_id, "first name", len(FIRST_NAMES))]
    last = LAST_NAMES[number(seed, order_id, "last name", len(LAST_NAMES))]
    tag = hashlib.sha256(f"{seed} {order_id} e-mail".encode()).hexdigest()[:12]
    phone = f"+1212{2_000_000 + number(seed, order_id, 'phone', 8_000_000)}"
    return Guest(f"{first} {last}", f"{first.lower()}.{tag}@example.com", phone)


def key_of(seed: int, order_id: str, what: str) -> str:
    """Return an idempotency key of an order, for its clicks or for its reload."""
    return hashlib.sha256(f"{seed} {order_id} {what} key".encode()).hexdigest()[:32]
