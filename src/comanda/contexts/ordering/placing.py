"""One transaction that places many orders: keys, orders, coupons, stock, slots, lines, attempts and events.

Rows are taken class by class, always in this order and sorted within each class, so that two processes never wait for
each other in a circle. An order that cannot have what it needs is taken out again and its neighbours go on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering.arrivals import AttemptRow
from comanda.contexts.ordering.documents import OrderAnswer, quote_view
from comanda.contexts.ordering.intake_store import (
    Placing,
    delete_orders,
    draw_numbers,
    insert_attempts,
    insert_lines,
    insert_orders,
)
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.ordering.refusals import coupon_used_up, slot_full, sold_out
from comanda.contexts.ordering.tokens import tracking_token
from comanda.contracts.catalog import KitchenCapacity
from comanda.contracts.ordering import GuestDetails, OrderDocument, OrderPlaced
from comanda.contracts.promotions import CouponDesk
from comanda.engine.database import Transaction
from comanda.engine.errors import Refused, Unavailable
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Answer, Seals, StoredAnswer
from comanda.engine.idempotency.answers import remove, store
from comanda.engine.tracing import keyed

CREATED = 201

Placed = Answer | Refused | Unavailable | None
"""What came of an order. None: somebody else was first with its key or form, and the arrival is looked at anew."""

_encoder = msgspec.json.Encoder()


class Placer:
    """Places orders.

    Args:
        log: where `OrderPlaced` is written.
        seals: for tracking tokens.
        capacity: reserves stock and slots.
        coupons: reserves redemptions.
        rules: the settings.
    """

    def __init__(
        self, log: EventLog, seals: Seals, capacity: KitchenCapacity, coupons: CouponDesk, rules: Rules
    ) -> None:
        self._log = log
        self._seals = seals
        self._capacity = capacity
        self._coupons = coupons
        self._rules = rules

    async def place(
        self, tx: Transaction, placings: Sequence[Placing], attempts: Sequence[AttemptRow], now: datetime
    ) -> dict[UUID, Placed]:
        """Place orders in `tx`; return what came of each, by order id. Also writes down `attempts`."""
        outcome: dict[UUID, Placed] = dict.fromkeys((p.draft.id for p in placings), None)
        await self._complete(tx, placings, now)
        rest = await self._take_keys(tx, placings)
        rest = await self._take_forms(tx, rest, now)
        rest = await self._reserve(tx, rest, outcome)
        if rest:
            await insert_lines(tx, rest)
        for placing in rest:
            stored = _stored(placing)
            outcome[placing.draft.id] = Answer(stored.status, stored.answer, stored.location)
        rows = [*attempts, *(self._attempt(p, outcome[p.draft.id], now) for p in placings if outcome[p.draft.id])]
        if rows:
            await insert_attempts(tx, rows)
        with keyed({str(placing.draft.id): placing.arrival.trace for placing in rest}):
            await self._log.emit_all(tx, [self._fact(placing, now) for placing in rest])
        return outcome

    async def _complete(self, tx: Transaction, placings: Sequence[Placing], now: datetime) -> None:
        """Give each order its number, its token, and the answer that will be stored for it."""
        numbers = await draw_numbers(tx, len(placings))
        for placing, number in zip(placings, numbers, strict=True):
            placing.number = number
            placing.token = tracking_token(self._seals, placing.draft.id)
            arrival = placing.arrival
            placing.stored = StoredAnswer(
                scope=arrival.scope,
                key=placing.key,
                fingerprint=arrival.fingerprint,
                body_hash=arrival.body_hash,
                status=CREATED,
                answer=_encoder.encode(self._answer(placing, now)),
                location=f"/api/v1/orders/{placing.token}",
                created_at=now,
            )

    def _answer(self, placing: Placing, now: datetime) -> OrderAnswer:
        draft = placing.draft
        return OrderAnswer(
            id=draft.id,
            number=placing.number,
            status="placed",
            restaurant=draft.restaurant.slug,
            placed_at=now,
            due_at=draft.offer.fulfilment.due_at,
            tracking=f"{self._rules.public_url}/o/{placing.token}",
            token=placing.token,
            lines=draft.offer.quote.lines,
            quote=quote_view(draft.offer.quote),
            fulfilment=draft.offer.fulfilment,
        )

    @staticmethod
    async def _take_keys(tx: Transaction, placings: Sequence[Placing]) -> list[Placing]:
        """Take the keys; waits for whoever is taking the same ones. Return those that were free."""
        stale = [(p.arrival.scope, p.key) for p in placings if p.stale]
        if stale:
            await remove(tx, sorted(stale))
        answers = sorted((_stored(p) for p in placings), key=lambda s: (s.scope, s.key))
        taken = await store(tx, answers)
        return [p for p in placings if (p.arrival.scope, p.key) in taken]

    @staticmethod
    async def _take_forms(tx: Transaction, placings: Sequence[Placing], now: datetime) -> list[Placing]:
        """Insert the orders; waits for whoever is inserting the same forms. Return those that were not there."""
        if not placings:
            return []
        ordered = sorted(placings, key=lambda p: (p.draft.restaurant.id, p.arrival.form_hash, p.copy))
        made = await insert_orders(tx, ordered, now)
        beaten = [p for p in placings if p.draft.id not in made]
        if beaten:
            await remove(tx, [(p.arrival.scope, p.key) for p in beaten])
        return [p for p in placings if p.draft.id in made]

    async def _reserve(
        self, tx: Transaction, placings: Sequence[Placing], outcome: dict[UUID, Placed]
    ) -> list[Placing]:
        """Reserve coupons, then stock, then slots; take out who cannot have them. Return who has all it needs."""
        refused: dict[UUID, Refused] = {}

        def needing(need: Callable[[Placing], bool]) -> list[Placing]:
            return [p for p in placings if p.draft.id not in refused and need(p)]

        coupons = [p.draft.coupon_need for p in placings if p.draft.coupon_need is not None]
        if coupons:
            for order_id, limit in (await self._coupons.reserve(tx, coupons)).items():
                refused[order_id] = coupon_used_up(limit)
        stock = [need for p in needing(lambda p: bool(p.draft.stock_needs)) for need in p.draft.stock_needs]
        if stock:
            drafts = {p.draft.id: p.draft for p in placings}
            for order_id, item_id in (await self._capacity.reserve_stock(tx, stock)).items():
                lines = drafts[order_id].offer.quote.lines
                place, name = next((n, line.name) for n, line in enumerate(lines) if line.item == item_id)
                refused[order_id] = sold_out(item_id, name, place)
        slots = [p.draft.slot_need for p in needing(lambda p: p.draft.slot_need is not None)]
        if slots:
            full = await self._capacity.reserve_slots(tx, [slot for slot in slots if slot is not None])
            refused.update((order_id, slot_full()) for order_id in full)
        if not refused:
            return list(placings)
        out = [p for p in placings if p.draft.id in refused]
        ids = [p.draft.id for p in out]
        await self._coupons.undo(tx, ids)
        await self._capacity.release_all(tx, ids)
        await delete_orders(tx, out)
        await remove(tx, [(p.arrival.scope, p.key) for p in out])
        outcome.update(refused)
        return [p for p in placings if p.draft.id not in refused]

    @staticmethod
    def _attempt(placing: Placing, outcome: Placed, now: datetime) -> AttemptRow:
        arrival = placing.arrival
        if isinstance(outcome, Refused):
            return AttemptRow(now, arrival.restaurant.id, None, "refused", outcome.code, placing.key, arrival.caller)
        return AttemptRow(now, arrival.restaurant.id, placing.draft.id, "placed", "", placing.key, arrival.caller)

    @staticmethod
    def _fact(placing: Placing, now: datetime) -> OrderPlaced:
        draft = placing.draft
        restaurant = draft.restaurant
        return OrderPlaced(
            order_id=draft.id,
            restaurant_id=restaurant.id,
            order=OrderDocument(
                id=draft.id,
                number=placing.number,
                restaurant_id=restaurant.id,
                restaurant_slug=restaurant.slug,
                restaurant_name=restaurant.name,
                timezone=restaurant.timezone,
                locale=restaurant.locale,
                placed_at=now,
                tracking_path=f"/o/{placing.token}",
                guest=GuestDetails(
                    id=draft.customer_id, name=draft.form.name, email=draft.form.email, phone=draft.form.phone
                ),
                fulfilment=draft.offer.fulfilment,
                quote=draft.offer.quote,
                note=draft.form.note,
                payment_method=draft.form.payment_method,
            ),
        )


def _stored(placing: Placing) -> StoredAnswer:
    if placing.stored is None:
        raise AssertionError("an order is completed before its key is taken")
    return placing.stored
