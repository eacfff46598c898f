"""The order's own page, which follows it, for whoever holds its tracking address."""

from datetime import datetime
from typing import Any, NamedTuple

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Template

from comanda.contexts.ordering.documents import OrderView
from comanda.contexts.ordering.guest_pages import page_context
from comanda.contexts.ordering.service import Ordering
from comanda.contexts.ordering.states import Status

REFRESH_S = 3

WAY: tuple[tuple[Status, str], ...] = (
    ("placed", "We have your order"),
    ("paid", "Paid"),
    ("accepted", "The kitchen has accepted it"),
    ("preparing", "In the making"),
    ("ready", "Ready"),
    ("on_its_way", "On its way to you"),
    ("completed", "Enjoy your meal"),
)
"""The way of an order that goes well, in a guest's words."""

READY_WORDS = {"pickup": "Ready to be picked up", "dine_in": "Coming to your table", "delivery": "Packed"}

LAST: frozenset[Status] = frozenset({"completed", "payment_failed", "rejected", "cancelled", "refunded"})


class Step(NamedTuple):
    """A step on the order's way: its name, when it was reached (None: not yet), whether the order stands there now."""

    title: str
    at: datetime | None
    is_now: bool


def steps(view: OrderView) -> list[Step]:
    """Return the steps of an order's way; where the order ended early, those that it reached."""
    reached = {entry.what: entry.at for entry in reversed(view.timeline)}
    kind = view.fulfilment.type
    way = [(status, title) for status, title in WAY if status != "on_its_way" or kind == "delivery"]
    last = max((place for place, (status, _) in enumerate(way) if status in reached), default=0)
    if view.status in LAST and view.status != "completed":
        way = way[: last + 1]
    found = []
    for place, (status, title) in enumerate(way):
        words = READY_WORDS[kind] if status == "ready" else title
        found.append(Step(words, reached.get(status), is_now=place == last and view.status not in LAST))
    return found


class OrderPages:
    """The pages."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [get("/o/{token:str}", include_in_schema=False)(self.order)]

    async def order(self, token: FromPath[str]) -> Template:
        """Show the order and what has become of it."""
        view = await self._ordering.by_token(token)
        restaurant = await self._ordering.restaurant(view.restaurant)
        context: dict[str, Any] = {
            "order": view,
            "steps": steps(view),
            "is_over": view.status in LAST,
            "receipt_sent": any(entry.what == "receipt_sent" for entry in view.timeline),
            "refresh_s": REFRESH_S,
        }
        return Template("ordering/order.html", context=context | page_context(restaurant))
