"""How a ticket moves over the board: one table, no I/O.

waiting → accepted → preparing → ready → completed, and for deliveries ready → on_its_way → completed. As long as the
food is not ready the kitchen may reject it; `withdrawn` is not a move of the kitchen's but what becomes of a ticket
whose order was cancelled.
"""

from typing import Literal, assert_never, get_args

from comanda.contracts.catalog import FulfilmentType

Status = Literal["waiting", "accepted", "preparing", "ready", "on_its_way", "completed", "rejected", "withdrawn"]
Move = Literal["accepted", "preparing", "ready", "on_its_way", "completed", "rejected"]

STATUSES: tuple[Status, ...] = get_args(Status)
MOVES: tuple[Move, ...] = get_args(Move)
CLOSED: tuple[Status, ...] = ("completed", "rejected", "withdrawn")


def moves(status: Status, fulfilment: FulfilmentType) -> tuple[Move, ...]:
    """Return where a ticket may go from `status`, the usual way first."""
    match status:
        case "waiting":
            return ("accepted", "rejected")
        case "accepted":
            return ("preparing", "rejected")
        case "preparing":
            return ("ready", "rejected")
        case "ready":
            return ("on_its_way",) if fulfilment == "delivery" else ("completed",)
        case "on_its_way":
            return ("completed",)
        case "completed" | "rejected" | "withdrawn":
            return ()
        case _:
            assert_never(status)
