"""The intake: requests for orders, each decided once, those that arrive together in one transaction."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from comanda.contexts.ordering.arrivals import Arrival, AttemptRow, Known, Outcome
from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.composing import draft
from comanda.contexts.ordering.form import PlaceOrder, clean_form
from comanda.contexts.ordering.form_hash import form_hash
from comanda.contexts.ordering.intake_store import Placing, answer_of_copy, insert_echoes, look_up
from comanda.contexts.ordering.judging import Ask, Make, Refuse, Replay, ReplayCopy, Rules, is_stale, judge
from comanda.contexts.ordering.menu_index import MenuIndexes
from comanda.contexts.ordering.placing import Placed, Placer
from comanda.contexts.ordering.refusals import confirm_unknown, unknown_restaurant
from comanda.contracts.attributes import part_of
from comanda.contracts.catalog import Restaurant, RestaurantReader, Timetable
from comanda.contracts.customers import customer_id
from comanda.contracts.promotions import CouponDesk
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused, Unavailable
from comanda.engine.grouping import Grouping
from comanda.engine.idempotency import Answer, Seals, StoredAnswer
from comanda.engine.ids import Ids
from comanda.engine.tracing import current

log = structlog.get_logger(__name__)

MAX_ROUNDS = 6
"""How often arrivals that were beaten to their key or form are looked at anew; each round somebody got through."""

GUEST = "guest"
"""The caller of whoever orders without an account; keys of all guests of a restaurant share one scope."""

REMEMBERED = 4096
"""Answers of this process that are kept in memory, so that a second click need not ask the database what it was."""

Decided = Answer | Refused | Unavailable


class _Identified(msgspec.Struct):
    """The part of a stored answer that says which order it is about."""

    id: UUID


class Intake:
    """Takes orders.

    Promise: a request is decided once, however often, wherever and at whatever instant it arrives; the same answer
    comes back each time. An error is given only for what was not stored.
    """

    def __init__(
        self,
        database: Database,
        placer: Placer,
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
        self._placer = placer
        self._restaurants = restaurants
        self._coupons = coupons
        self._timetable = timetable
        self._menus = menus
        self._seals = seals
        self._rules = rules
        self._clock = clock
        self._ids = ids
        self._remembered: OrderedDict[tuple[UUID, str], tuple[StoredAnswer, UUID]] = OrderedDict()
        self._arrivals: Grouping[Arrival, Answer] = Grouping("intake", self._decide_group)
        self._echoes: Grouping[AttemptRow, None] = Grouping("record of attempts", self._write_down, side_by_side=1)

    async def start(self) -> None:
        """Begin to take orders."""
        await self._echoes.start()
        await self._arrivals.start()

    async def stop(self) -> None:
        """Decide what has arrived, take no more."""
        await self._arrivals.stop()
        await self._echoes.stop()

    async def place(self, form: PlaceOrder, body: bytes, *, key: str | None, caller: str) -> Answer:
        """Place an order, or give the answer that was given before.

        Args:
            form: what `body` says.
            body: the bytes that were sent.
            key: the caller's idempotency key.
            caller: `guest`, or who else asks; keys of different callers have nothing to do with each other.

        Raises:
            Refused: it cannot be placed, or the guest has to be asked first; nothing was stored.
            Unavailable: it could not be decided now; the same request may be sent again.
        """
        restaurant = await self._restaurants.by_slug(form.restaurant)
        if restaurant is None:
            raise unknown_restaurant(form.restaurant)
        scope = restaurant.id
        if caller != GUEST:
            scope = UUID(bytes=self._seals.hash("scope", f"{restaurant.id} {caller}".encode()))
        body_hash = hashlib.sha256(body).digest()[:16]
        if key is not None:
            echo = await self._echo(restaurant, scope, key, body_hash, caller)
            if echo is not None:
                return echo
        arrival = await self._arrive(restaurant, form, key=key, scope=scope, body_hash=body_hash, caller=caller)
        return await self._arrivals.submit(arrival)

    async def _echo(
        self, restaurant: Restaurant, scope: UUID, key: str, body_hash: bytes, caller: str
    ) -> Answer | None:
        """Answer the very same request again out of memory; the attempt is written down before the answer goes out."""
        remembered = self._remembered.get((scope, key))
        now = self._clock.now()
        if remembered is None or remembered[0].body_hash != body_hash or is_stale(remembered[0], self._rules, now):
            return None
        stored, order_id = remembered
        await self._echoes.submit(AttemptRow(now, restaurant.id, order_id, "replayed", "", key, caller))
        return stored.replay()

    async def _arrive(
        self, restaurant: Restaurant, form: PlaceOrder, *, key: str | None, scope: UUID, body_hash: bytes, caller: str
    ) -> Arrival:
        menu = self._menus.of(restaurant)
        errors: list[FieldError] = []
        cart = None
        hashed = fingerprint = b""
        coupon = None
        cleaned = clean_form(form, country=restaurant.country, schema=part_of(restaurant.attributes_schema, "order"))
        clean = None
        if isinstance(cleaned, list):
            errors = cleaned
        else:
            clean = cleaned
            # What is sold out makes no other meal: the hash must not depend on it.
            checked = check_cart(menu, clean.cart)
            if isinstance(checked, Cart):
                cart = checked
                hashed = form_hash(self._seals, restaurant.slug, clean, cart)
                fingerprint = self._seals.hash("fingerprint", hashed + clean.payment_method.encode())
                if clean.coupon is not None:
                    coupon = await self._coupons.find(restaurant.id, clean.coupon)
            else:
                errors = checked
        return Arrival(
            restaurant=restaurant,
            menu=menu,
            form=clean,
            errors=errors,
            cart=cart,
            form_hash=hashed,
            fingerprint=fingerprint,
            coupon=coupon,
            key=key,
            scope=scope,
            body_hash=body_hash,
            caller=caller,
            confirm=form.confirm,
            trace=current(),
        )

    async def _write_down(self, attempts: Sequence[AttemptRow]) -> Sequence[None]:
        await insert_echoes(self._database, attempts)
        return [None] * len(attempts)

    async def _decide_group(self, arrivals: Sequence[Arrival]) -> Sequence[Decided]:
        decided: list[Decided | None] = [None] * len(arrivals)
        waiting = list(range(len(arrivals)))
        for _ in range(MAX_ROUNDS):
            waiting = await self._round(arrivals, waiting, decided)
            if not waiting:
                break
        return [d if d is not None else Unavailable("Too many want the same at once; send it again.") for d in decided]

    async def _round(
        self, arrivals: Sequence[Arrival], waiting: Sequence[int], decided: list[Decided | None]
    ) -> list[int]:
        """Decide what can be decided; return what is to be looked at anew."""
        known = await look_up(self._database, [arrivals[n] for n in waiting])
        now = self._clock.now()
        attempts: list[AttemptRow] = []
        placings: dict[int, Placing] = {}
        later: list[int] = []
        taken: set[object] = set()
        for number, what in zip(waiting, known, strict=True):
            arrival = arrivals[number]
            marks = {(arrival.scope, arrival.key) if arrival.key else None, (arrival.restaurant.id, arrival.form_hash)}
            if not taken.isdisjoint(marks - {None}):
                # Its twin is being decided in this very round; once that stands, this one finds it.
                later.append(number)
                continue
            made = await self._judge(arrival, what, attempts, now)
            if isinstance(made, Placing):
                placings[number] = made
                taken |= marks - {None}
            else:
                decided[number] = made
        outcomes = await self._commit(list(placings.values()), attempts, now)
        for number, placing in placings.items():
            outcome = outcomes[placing.draft.id]
            if outcome is None:
                later.append(number)
            else:
                decided[number] = outcome
                if isinstance(outcome, Answer) and placing.stored is not None:
                    self._remember(placing.stored, placing.draft.id)
        return sorted(later)

    async def _judge(
        self, arrival: Arrival, known: Known, attempts: list[AttemptRow], now: datetime
    ) -> Answer | Refused | Placing:
        verdict = judge(arrival, known, self._rules, self._seals, now)

        def noted(outcome: Outcome, order_id: UUID | None, code: str = "") -> None:
            key = arrival.key or f"form:{arrival.form_hash.hex()}"
            attempts.append(AttemptRow(now, arrival.restaurant.id, order_id, outcome, code, key, arrival.caller))

        match verdict:
            case Make(copy, key):
                stale = known.stored is not None
                return self._compose(arrival, copy, key, stale=stale, attempts=attempts, now=now)
            case Replay(stored):
                order_id = msgspec.json.decode(stored.answer, type=_Identified).id
                noted("replayed", order_id)
                # It may have been given by another process; the next time this one knows it too.
                self._remember(stored, order_id)
                return stored.replay()
            case ReplayCopy(copy):
                found = await answer_of_copy(self._database, arrival.restaurant.id, arrival.form_hash, copy)
                if found is None:
                    noted("refused", None, "confirm-unknown")
                    return confirm_unknown()
                noted("replayed", found[0])
                return found[1].replay()
            case Ask(earlier, refusal):
                noted("asked", earlier.id, refusal.code)
                return refusal
            case Refuse(refusal, reused):
                noted("key_reused" if reused else "refused", None, refusal.code)
                return refusal

    def _compose(
        self, arrival: Arrival, copy: int, key: str, *, stale: bool, attempts: list[AttemptRow], now: datetime
    ) -> Placing | Refused:
        if arrival.form is None or arrival.cart is None:
            raise AssertionError("only a form without mistakes is made")
        try:
            made = draft(
                self._ids.new(),
                arrival.restaurant,
                arrival.menu,
                arrival.form,
                arrival.cart,
                customer_id=customer_id(self._seals, arrival.restaurant.id, arrival.form.email),
                coupon=arrival.coupon,
                now=now,
                timetable=self._timetable,
            )
        except Refused as refusal:
            attempts.append(AttemptRow(now, arrival.restaurant.id, None, "refused", refusal.code, key, arrival.caller))
            return refusal
        return Placing(arrival=arrival, draft=made, copy=copy, key=key, stale=stale)

    async def _commit(
        self, placings: Sequence[Placing], attempts: Sequence[AttemptRow], now: datetime
    ) -> dict[UUID, Placed]:
        """Place in one transaction; when that fails for no known reason, each in its own: one harms no other."""
        if not placings:
            if attempts:
                await self._write_down(attempts)
            return {}

        async def work(tx: Transaction) -> dict[UUID, Placed]:
            return await self._placer.place(tx, placings, attempts, now)

        try:
            return await self._database.run(work)
        except Unavailable:
            raise
        except Exception:
            if len(placings) == 1:
                raise
            log.exception("a group of orders failed; placing one by one", orders=len(placings))
        outcomes: dict[UUID, Placed] = {}
        await self._write_down(attempts)
        for placing in placings:
            outcomes.update(await self._alone(placing, now))
        return outcomes

    async def _alone(self, placing: Placing, now: datetime) -> dict[UUID, Placed]:
        async def work(tx: Transaction) -> dict[UUID, Placed]:
            return await self._placer.place(tx, [placing], [], now)

        try:
            return await self._database.run(work)
        except Unavailable:
            raise
        except Exception:
            log.exception("an order failed", order_id=str(placing.draft.id))
            return {placing.draft.id: Unavailable("We could not take this order now; nothing was stored. Try again.")}

    def _remember(self, stored: StoredAnswer, order_id: UUID) -> None:
        self._remembered[stored.scope, stored.key] = (stored, order_id)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
