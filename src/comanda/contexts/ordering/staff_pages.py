"""The staff's pages of orders: a day with its sales, and one order with its proof of once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.ordering.checkout_form import amount_typed
from comanda.contexts.ordering.guest_pages import page_context
from comanda.contexts.ordering.service import Ordering
from comanda.contexts.ordering.states import MOVES
from comanda.contracts.catalog import Restaurant, RestaurantReader
from comanda.engine.clock import Clock
from comanda.engine.errors import FieldError, Refused
from comanda.engine.idempotency import parse_key
from comanda.engine.ids import Ids
from comanda.web.access import require, staff_member
from comanda.web.forms import Form, form_of
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]

STATUS_KINDS = {
    "placed": "wait",
    "paid": "cool",
    "accepted": "cool",
    "preparing": "cool",
    "ready": "accent",
    "on_its_way": "accent",
    "completed": "good",
    "payment_failed": "bad",
    "rejected": "bad",
    "cancelled": "bad",
    "refunded": "plain",
}
"""The colour of each status's badge."""

OUTCOMES = {
    "placed": "made the order",
    "replayed": "got the first answer again",
    "asked": "was asked “again?”",
    "key_reused": "reused a key for another form",
    "refused": "was refused",
}

MAX_REASON_LENGTH = 200


class StaffOrderPages:
    """The pages."""

    def __init__(self, ordering: Ordering, restaurants: RestaurantReader, clock: Clock, ids: Ids) -> None:
        self._ordering = ordering
        self._restaurants = restaurants
        self._clock = clock
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        seen, kitchen, owner = [require("kitchen", "operator")], [require("kitchen")], [require("owner")]
        one = "/staff/orders/{order_id:uuid}"
        return [
            get("/staff/orders", guards=seen, include_in_schema=False)(self.day),
            get(one, guards=seen, include_in_schema=False)(self.order),
            post(f"{one}/cancel", guards=kitchen, include_in_schema=False)(self.cancel),
            post(f"{one}/refund", guards=owner, include_in_schema=False)(self.refund),
        ]

    async def day(self, request: AnyRequest, day: FromQuery[str] = "") -> Template:
        """Show a day's orders and what they brought in; `day` is `YYYY-MM-DD` in the restaurant's zone."""
        restaurant = await self._restaurant(request)
        zone = ZoneInfo(restaurant.timezone)
        today = self._clock.now().astimezone(zone).date()
        shown = _date(day) or today
        begin = datetime.combine(shown, time(), zone).astimezone(UTC)
        end = datetime.combine(shown + timedelta(days=1), time(), zone).astimezone(UTC)
        orders, sales = await self._ordering.of_time(restaurant.id, begin, end)
        context = {
            "orders": orders,
            "sales": sales,
            "day": shown,
            "noon": datetime.combine(shown, time(12), zone),
            "today": today,
            "before": shown - timedelta(days=1),
            "after": shown + timedelta(days=1) if shown < today else None,
            "status_kinds": STATUS_KINDS,
        }
        return Template("ordering/staff_orders.html", context=context | page_context(restaurant))

    async def order(self, request: AnyRequest, order_id: FromPath[UUID]) -> Template:
        """Show one order with its proof of once."""
        return await self._page(request, order_id)

    async def cancel(self, request: AnyRequest, order_id: FromPath[UUID]) -> Template | Redirect:
        """Cancel the order; whatever was paid is given back."""
        member, form = staff_member(request), form_of(request)

        async def act() -> None:
            await self._ordering.cancel(
                member.restaurant_id, order_id, _reason(form), member_id=member.id, key=_key(form)
            )

        return await self._done(request, order_id, act)

    async def refund(self, request: AnyRequest, order_id: FromPath[UUID]) -> Template | Redirect:
        """Give money back: an amount, or all that is left where none is written."""
        member, form = staff_member(request), form_of(request)
        restaurant = await self._restaurant(request)
        written = form.one("amount")
        amount = amount_typed(written, restaurant.currency) if written else None

        async def act() -> None:
            if written and not amount:
                message = "Write an amount such as 12.50."
                raise Refused(message, kind="invalid", code="amount-invalid", fields=[FieldError("amount", message)])
            await self._ordering.refund(
                member.restaurant_id, order_id, amount, _reason(form), member_id=member.id, key=_key(form)
            )

        return await self._done(request, order_id, act)

    async def _done(
        self, request: AnyRequest, order_id: UUID, act: Callable[[], Awaitable[None]]
    ) -> Template | Redirect:
        try:
            await act()
        except Refused as refused:
            if refused.kind == "not_found":
                raise
            return await self._page(request, order_id, refused=refused)
        return Redirect(f"/staff/orders/{order_id}", status_code=303)

    async def _page(self, request: AnyRequest, order_id: UUID, *, refused: Refused | None = None) -> Template:
        member = staff_member(request)
        restaurant = await self._restaurant(request)
        view = await self._ordering.for_staff(member.restaurant_id, order_id)
        context = {
            "order": view,
            "message": refused.message if refused else "",
            "attempt": self._ids.token(),
            "may_cancel": member.may("kitchen") and "cancelled" in MOVES[view.status],
            "may_refund": member.may()
            and view.proof.charges > 0
            and view.status not in {"cancelled", "rejected", "refunded"},
            "status_kinds": STATUS_KINDS,
            "outcomes": OUTCOMES,
        }
        status = STATUS[refused.kind] if refused else 200
        return Template("ordering/staff_order.html", context=context | page_context(restaurant), status_code=status)

    async def _restaurant(self, request: AnyRequest) -> Restaurant:
        restaurant = await self._restaurants.by_id(staff_member(request).restaurant_id)
        if restaurant is None:
            raise Refused("Your restaurant has no menu yet.", kind="not_found", code="restaurant-unknown")
        return restaurant


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # A day on either side must be a day as well.
    return found if date.min + timedelta(days=2) < found < date.max - timedelta(days=2) else None


def _key(form: Form) -> str | None:
    return parse_key(form.one("attempt") or None)


def _reason(form: Form) -> str:
    reason = " ".join(form.one("reason").split())
    if len(reason) > MAX_REASON_LENGTH or not (reason.isprintable() or not reason):
        message = f"A reason has {MAX_REASON_LENGTH} characters at most."
        raise Refused(message, kind="invalid", code="reason-too-long", fields=[FieldError("reason", message)])
    return reason
