"""What can be asked of ordering, besides placing an order (see `intake`)."""

from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering import store
from comanda.contexts.ordering.composing import Offer, offer
from comanda.contexts.ordering.documents import OrderView, TimelineView, quote_view
from comanda.contexts.ordering.form import QuoteForm, clean_cart, clean_fulfilment
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.ordering.life import Life
from comanda.contexts.ordering.menu_index import MenuIndexes
from comanda.contexts.ordering.refusals import invalid, unknown_restaurant
from comanda.contexts.ordering.store import Sales, StoredOrder
from comanda.contexts.ordering.tokens import order_of, tracking_token
from comanda.contracts.catalog import Restaurant, RestaurantReader, Timetable
from comanda.contracts.ordering import RefundRequested
from comanda.contracts.promotions import Coupon, CouponDesk
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Answer, Once, Seals
from comanda.engine.ids import Ids

MAX_ATTEMPTS_SHOWN = 200
"""Attempts listed in a proof; their counts are of all."""

MAX_ORDERS_SHOWN = 500
"""Orders listed for a day, at most; the latest."""


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """A request that led to an order."""

    at: datetime
    outcome: str
    code: str
    key: str
    caller: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Proof of once: what arrived, and what came of it.

    Attributes:
        attempts: requests that led to this order, by outcome.
        orders, charges, tickets, receipts: how many there are of each; more than one is a fault.
    """

    attempts: dict[str, int]
    attempts_in_all: int
    orders: int
    charges: int
    tickets: int
    receipts: int
    listed: tuple[AttemptView, ...]


class StaffOrderView(OrderView, frozen=True, kw_only=True):
    """An order as staff may see it."""

    guest_name: str
    guest_email: str
    guest_phone: str
    attributes: dict[str, object]
    version: int
    proof: Proof


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a refund that was asked for: it will be made once."""

    id: UUID
    order: UUID
    amount: int
    reason: str
    state: str


class CancelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a cancellation."""

    order: UUID
    status: str
    reason: str


class Ordering:
    """Quotes, orders as guests and staff see them, cancellations and refunds."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        life: Life,
        once: Once,
        *,
        restaurants: RestaurantReader,
        coupons: CouponDesk,
        timetable: Timetable,
        menus: MenuIndexes,
        seals: Seals,
        rules: Rules,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._log = log
        self._life = life
        self._once = once
        self._restaurants = restaurants
        self._coupons = coupons
        self._timetable = timetable
        self._menus = menus
        self._seals = seals
        self._rules = rules
        self._clock = clock
        self._ids = ids

    async def restaurant(self, slug: str) -> Restaurant:
        """Return a restaurant; raises `Refused` (not_found)."""
        found = await self._restaurants.by_slug(slug)
        if found is None:
            raise unknown_restaurant(slug)
        return found

    async def coupon(self, restaurant: Restaurant, code: str | None) -> Coupon | None:
        """Return the coupon of that code, or None."""
        return await self._coupons.find(restaurant.id, code) if code else None

    async def quote(self, form: QuoteForm) -> Offer:
        """Return what a cart would cost now; raises `Refused` with all that a guest has to mend."""
        restaurant = await self.restaurant(form.restaurant)
        errors: list[FieldError] = []
        cart = clean_cart(form.lines, errors)
        fulfilment = clean_fulfilment(form.fulfilment, errors)
        if errors:
            raise invalid(errors)
        return offer(
            restaurant,
            self._menus.of(restaurant),
            cart,
            fulfilment,
            coupon_code=form.coupon or None,
            coupon=await self.coupon(restaurant, form.coupon),
            tip=form.tip,
            now=self._clock.now(),
            timetable=self._timetable,
        )

    async def by_token(self, token: str) -> OrderView:
        """Return the order that a tracking token is for; raises `Refused` (not_found)."""
        order_id = order_of(self._seals, token)
        found = None if order_id is None else await store.order(self._database, order_id)
        if found is None:
            raise _unknown_order()
        return await self._view(found)

    async def for_staff(self, restaurant_id: UUID, order_id: UUID) -> StaffOrderView:
        """Return an order of that restaurant with its proof of once; raises `Refused` (not_found)."""
        found = await store.order(self._database, order_id)
        if found is None or found.restaurant_id != restaurant_id:
            raise _unknown_order()
        view = await self._view(found)
        return StaffOrderView(
            **msgspec.structs.asdict(view),
            guest_name=found.guest.name,
            guest_email=found.guest.email,
            guest_phone=found.guest.phone,
            attributes=found.attributes,
            version=found.version,
            proof=await self._proof(order_id),
        )

    async def _view(self, found: StoredOrder) -> OrderView:
        restaurant = await self._restaurants.by_id(found.restaurant_id)
        lines = await store.lines(self._database, found)
        told = await store.timeline(self._database, found.id)
        token = tracking_token(self._seals, found.id)
        entries = [TimelineView(at=found.placed_at, what="placed"), *(TimelineView(at=t.at, what=t.what) for t in told)]
        return OrderView(
            id=found.id,
            number=found.number,
            status=found.status,
            restaurant=restaurant.slug if restaurant is not None else "",
            placed_at=found.placed_at,
            due_at=found.fulfilment.due_at,
            tracking=f"{self._rules.public_url}/o/{token}",
            token=token,
            lines=tuple(lines),
            quote=quote_view(found.quote(())),
            fulfilment=found.fulfilment,
            refunded=found.refunded,
            note=found.note,
            timeline=tuple(entries),
        )

    async def _proof(self, order_id: UUID) -> Proof:
        counts = await store.attempt_counts(self._database, order_id)
        listed = await store.attempts(self._database, order_id, MAX_ATTEMPTS_SHOWN)
        told = await store.timeline(self._database, order_id)

        def seen(what: str) -> int:
            return sum(1 for row in told if row.what == what)

        return Proof(
            attempts=counts,
            attempts_in_all=sum(counts.values()),
            orders=1,
            charges=seen("paid"),
            tickets=seen("ticket_opened"),
            receipts=seen("receipt_sent"),
            listed=tuple(msgspec.convert(row, AttemptView, from_attributes=False) for row in listed),
        )

    async def of_time(self, restaurant_id: UUID, since: datetime, until: datetime) -> tuple[list[StoredOrder], Sales]:
        """Return the orders of a stretch of time, the latest first, and what it brought in."""
        orders = await store.orders_of_time(self._database, restaurant_id, since, until, MAX_ORDERS_SHOWN)
        return orders, await store.sales(self._database, restaurant_id, since, until)

    async def cancel(
        self, restaurant_id: UUID, order_id: UUID, reason: str, *, member_id: UUID, key: str | None
    ) -> Answer:
        """Cancel an order; whatever was paid is given back by an event's way. Asked twice, it is cancelled once.

        Raises `Refused` where the order is unknown, or too far on its way.
        """
        form = self._form("cancel", order_id, reason)

        async def decision(tx: Transaction) -> Answer:
            found = await self._of(tx, restaurant_id, order_id)
            if found.status != "cancelled":
                moved = await self._life.move(tx, order_id, "cancelled", at=self._clock.now(), reason=reason)
                if moved is None:
                    raise Refused(
                        f"This order cannot be cancelled any more: it is {found.status.replace('_', ' ')}.",
                        kind="conflict",
                        code="order-not-cancellable",
                        members={"status": found.status},
                    )
            answer = CancelAnswer(order=order_id, status="cancelled", reason=reason)
            return Answer(200, msgspec.json.encode(answer))

        return await self._once.decide(
            self._scope(restaurant_id, member_id), key or f"form:{form.hex()}", form, decision
        )

    async def refund(
        self, restaurant_id: UUID, order_id: UUID, amount: int | None, reason: str, *, member_id: UUID, key: str | None
    ) -> Answer:
        """Ask for money to be given back: `amount` minor units, or all that is left. One intent, one refund.

        Raises `Refused` where the order is unknown or unpaid, or the amount is more than is left.
        """
        form = self._form("refund", order_id, f"{amount} {reason}")

        async def decision(tx: Transaction) -> Answer:
            found = await self._of(tx, restaurant_id, order_id)
            left = found.total - await store.asked_back(tx, order_id)
            wanted = left if amount is None else amount
            if found.paid_at is None or found.status in {"cancelled", "rejected"}:
                raise Refused(
                    "There is nothing to give back: the order was not paid, or it ended and is given back by itself.",
                    kind="conflict",
                    code="order-not-refundable",
                    members={"status": found.status},
                )
            if not 0 < wanted <= left:
                message = "This is more than is left to give back." if left else "All of it was given back already."
                fields = [FieldError("amount", message)]
                raise Refused(message, kind="conflict", code="refund-too-large", fields=fields, members={"left": left})
            refund_id, now = self._ids.new(), self._clock.now()
            await store.insert_refund(tx, found, refund_id, wanted, reason, by=member_id, at=now)
            await store.tell(tx, order_id, "refund_requested", str(refund_id), now, detail={"amount": wanted})
            await self._log.emit(
                tx,
                RefundRequested(
                    order_id=order_id, restaurant_id=restaurant_id, refund_id=refund_id, amount=wanted, reason=reason
                ),
            )
            answer = RefundAnswer(id=refund_id, order=order_id, amount=wanted, reason=reason, state="requested")
            return Answer(202, msgspec.json.encode(answer))

        return await self._once.decide(
            self._scope(restaurant_id, member_id), key or f"form:{form.hex()}", form, decision
        )

    @staticmethod
    async def _of(tx: Transaction, restaurant_id: UUID, order_id: UUID) -> StoredOrder:
        found = await store.locked(tx, order_id)
        if found is None or found.restaurant_id != restaurant_id:
            raise _unknown_order()
        return found

    def _form(self, what: str, order_id: UUID, content: str) -> bytes:
        return self._seals.hash("staff form", f"{what} {order_id} {content}".encode())

    def _scope(self, restaurant_id: UUID, member_id: UUID) -> UUID:
        return UUID(bytes=self._seals.hash("scope", f"{restaurant_id} staff {member_id}".encode()))


def _unknown_order() -> Refused:
    return Refused("There is no such order.", kind="not_found", code="order-unknown")
