"""The checkout and the order's own page.

Each rendered checkout carries an attempt id, which becomes the idempotency key: the same page, sent four times, is one
order. The cart travels in the form, sealed, so that it is the same form also after the cookie was emptied.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Template

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.cart_cookie import CartCookies
from comanda.contexts.ordering.cart_edits import still_on_the_menu
from comanda.contexts.ordering.checkout_form import TIPS, Typed, order_meant, tip_of, told, typed
from comanda.contexts.ordering.checkout_prices import CheckoutPrices
from comanda.contexts.ordering.documents import OrderAnswer
from comanda.contexts.ordering.form import PlaceOrder
from comanda.contexts.ordering.guest_pages import cart_context, page_context
from comanda.contexts.ordering.intake import GUEST, Intake
from comanda.contexts.ordering.menu_index import MenuIndex, MenuIndexes
from comanda.contexts.ordering.refusals import invalid
from comanda.contexts.ordering.service import Ordering
from comanda.contracts.catalog import FulfilmentType, Restaurant, Timetable
from comanda.engine.clock import Clock
from comanda.engine.errors import FieldError, Refused, Unavailable
from comanda.engine.idempotency import parse_key
from comanda.engine.ids import Ids
from comanda.web.forms import form_of
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]

EVERY_SLOT_FOR = timedelta(hours=24)
"""Every slot is offered for a day; after it, those at the full hour."""

CARDS = (
    ("", "Test card that pays"),
    ("pm_card_visa_chargeDeclined", "Test card that is declined"),
)
"""What can be chosen where the sandbox charges."""

_answers = msgspec.json.Decoder(OrderAnswer)


class CheckoutPages:
    """The pages; `shows_test_cards` is whether the sandbox charges."""

    def __init__(
        self,
        intake: Intake,
        ordering: Ordering,
        timetable: Timetable,
        menus: MenuIndexes,
        carts: CartCookies,
        *,
        shows_test_cards: bool,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._intake = intake
        self._ordering = ordering
        self._timetable = timetable
        self._menus = menus
        self._carts = carts
        self._prices = CheckoutPrices(ordering, clock)
        self._shows_test_cards = shows_test_cards
        self._clock = clock
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            get("/r/{slug:str}/checkout", include_in_schema=False)(self.checkout),
            post("/r/{slug:str}/checkout", include_in_schema=False)(self.submit),
        ]

    async def checkout(self, request: AnyRequest, slug: FromPath[str]) -> Template | Redirect:
        """Show the form; without anything in the cart, the menu."""
        restaurant = await self._ordering.restaurant(slug)
        menu = self._menus.of(restaurant)
        cart = still_on_the_menu(menu, self._carts.read(request.scope, slug))
        if not cart.lines:
            return Redirect(f"/r/{slug}", status_code=303)
        fresh = Typed(
            attempt=self._ids.token(),
            cart=self._carts.seal(cart, slug),
            fulfilment=restaurant.trading.fulfilments[0] if restaurant.trading.fulfilments else "pickup",
        )
        return await self._page(restaurant, menu, cart, fresh)

    async def submit(self, request: AnyRequest, slug: FromPath[str]) -> Template | Redirect:
        """Place the order, or show the form again: with a new total, with what is to be mended, or with a question."""
        restaurant = await self._ordering.restaurant(slug)
        menu = self._menus.of(restaurant)
        form = form_of(request)
        wanted = typed(form, fulfilment="pickup")
        cart = self._carts.open(wanted.cart, slug)
        if not cart.lines:
            return Redirect(f"/r/{slug}", status_code=303)
        if form.one("action") in {"edit", "price"}:
            return await self._page(
                restaurant, menu, cart, msgspec.structs.replace(wanted, confirm=""), only_price=True
            )
        try:
            token = await self._place(restaurant, menu, cart, wanted)
        except Refused as refused:
            if refused.code == "order-again":
                return _again_page(restaurant, wanted, refused)
            return await self._page(restaurant, menu, cart, wanted, refused=refused)
        except Unavailable:
            return await self._page(restaurant, menu, cart, wanted, unavailable=True)
        return Redirect(f"/o/{token}", status_code=303, headers=self._carts.write(Cart(), slug))

    async def _place(self, restaurant: Restaurant, menu: MenuIndex, cart: Cart, wanted: Typed) -> str:
        """Place the order and return its tracking token."""
        items = _items(menu, still_on_the_menu(menu, cart))
        meant = order_meant(wanted, restaurant.slug, cart, currency=restaurant.currency, items=items)
        if not isinstance(meant, PlaceOrder):
            raise invalid(meant)
        key = parse_key(wanted.attempt)
        answer = await self._intake.place(meant, msgspec.json.encode(meant), key=key, caller=GUEST)
        return _answers.decode(answer.body).token

    async def _page(
        self,
        restaurant: Restaurant,
        menu: MenuIndex,
        cart: Cart,
        wanted: Typed,
        *,
        refused: Refused | None = None,
        only_price: bool = False,
        unavailable: bool = False,
    ) -> Template:
        known = still_on_the_menu(menu, cart)
        quote, mistakes = await self._prices.of(restaurant, menu, known, wanted)
        if only_price:
            # Whoever asks for the price has not said that they are done: empty fields are no mistakes yet.
            mistakes = [mistake for mistake in mistakes if _is_filled_in(mistake, wanted)]
        shown = [*refused.fields, *(m for m in mistakes if m.path == "coupon")] if refused is not None else mistakes
        if unavailable or (refused is None and not only_price):
            shown = []
        beside, above = told(shown)
        if refused is not None and not refused.fields:
            above.append(refused.message)
        context = {
            "typed": msgspec.structs.replace(wanted, expected_total=str(quote.total)),
            "quote": quote,
            "errors": beside,
            "messages": above,
            "price_changed": refused is not None and refused.code == "price-changed",
            "unavailable": unavailable,
            "tips": [(percent, tip_of(quote.items, percent)) for percent in TIPS],
            "times": {kind: self._times(restaurant, kind) for kind in restaurant.trading.fulfilments},
            "open_now": self._timetable.is_open(restaurant, self._clock.now()),
            "cards": CARDS if self._shows_test_cards else (),
        }
        status = 503 if unavailable else STATUS[refused.kind] if refused is not None else 200
        shared = page_context(restaurant) | cart_context(menu, known)
        return Template("ordering/checkout.html", context=context | shared, status_code=status)

    def _times(self, restaurant: Restaurant, fulfilment: FulfilmentType) -> list[datetime]:
        now = self._clock.now()
        choices = self._timetable.choices(restaurant, fulfilment, now)
        return [at for at in choices if at - now <= EVERY_SLOT_FOR or at.minute == 0]


def _again_page(restaurant: Restaurant, wanted: Typed, refused: Refused) -> Template:
    """Ask whether the guest wants the same once more."""
    earlier: Any = refused.members["order"]
    again = msgspec.structs.replace(wanted, confirm=str(refused.members["confirm"]))
    context = {
        "earlier": earlier,
        "placed_at": datetime.fromisoformat(earlier["placed_at"]),
        "again": again.pairs(),
        "unconfirmed": wanted.pairs(),
    }
    return Template("ordering/again.html", context=context | page_context(restaurant), status_code=409)


def _items(menu: MenuIndex, cart: Cart) -> int:
    return int(cart_context(menu, cart)["cart_items"])


def _is_filled_in(mistake: FieldError, wanted: Typed) -> bool:
    beside, above = told([mistake])
    return bool(above) or any(getattr(wanted, name, "") for name in beside)
