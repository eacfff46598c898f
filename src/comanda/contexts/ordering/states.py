"""The life of an order: its statuses and the one table of moves between them. Pure."""

from typing import Literal, get_args

from comanda.contracts.catalog import FulfilmentType

Status = Literal[
    "placed",
    "paid",
    "accepted",
    "preparing",
    "ready",
    "on_its_way",
    "completed",
    "payment_failed",
    "rejected",
    "cancelled",
    "refunded",
]

STATUSES: tuple[Status, ...] = get_args(Status)

MOVES: dict[Status, frozenset[Status]] = {
    "placed": frozenset({"paid", "payment_failed", "cancelled"}),
    "paid": frozenset({"accepted", "preparing", "rejected", "cancelled", "refunded"}),
    "accepted": frozenset({"preparing", "ready", "rejected", "cancelled", "refunded"}),
    "preparing": frozenset({"ready", "rejected", "cancelled", "refunded"}),
    "ready": frozenset({"on_its_way", "completed", "cancelled", "refunded"}),
    "on_its_way": frozenset({"completed", "cancelled", "refunded"}),
    "completed": frozenset({"refunded"}),
    "payment_failed": frozenset(),
    "rejected": frozenset({"refunded"}),
    "cancelled": frozenset({"refunded"}),
    "refunded": frozenset(),
}
"""From each status, where an order can go."""

FORGOTTEN: frozenset[Status] = frozenset({"payment_failed", "rejected", "cancelled", "refunded"})
"""Statuses of an order that came to nothing: whoever sends the same form again wants a new one, and is not asked."""

GIVES_BACK: frozenset[Status] = frozenset({"payment_failed", "rejected", "cancelled"})
"""Statuses in which an order gives back its coupon, stock and slot."""


def may_move(current: Status, to: Status, fulfilment: FulfilmentType) -> bool:
    """Whether an order may go from `current` to `to`; only a delivery is ever on its way."""
    if to == "on_its_way" and fulfilment != "delivery":
        return False
    return to in MOVES[current]
