"""What the checkout shows as the price while the guest still types."""

from collections.abc import Sequence

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.cart_edits import priced
from comanda.contexts.ordering.checkout_form import Typed, order_meant, tip_meant
from comanda.contexts.ordering.coupon_terms import unmet_term
from comanda.contexts.ordering.delivery import area_of
from comanda.contexts.ordering.form import PlaceOrder
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contexts.ordering.prices import quote
from comanda.contexts.ordering.service import Ordering
from comanda.contracts.catalog import Restaurant
from comanda.contracts.ordering import Quote
from comanda.engine.clock import Clock
from comanda.engine.errors import FieldError, Refused, Unavailable


class CheckoutPrices:
    """Prices finished and unfinished forms."""

    def __init__(self, ordering: Ordering, clock: Clock) -> None:
        self._ordering = ordering
        self._clock = clock

    async def of(
        self, restaurant: Restaurant, menu: MenuIndex, cart: Cart, typed: Typed
    ) -> tuple[Quote, Sequence[FieldError]]:
        """Return the price of what is typed so far, and what stands in the way of ordering it.

        Args:
            restaurant: whose prices.
            menu: its menu's index.
            cart: complete, with nothing in it that the menu has not.
            typed: the form.
        """
        items = sum(line.total for line in priced(menu, cart))
        meant = order_meant(typed, restaurant.slug, cart, currency=restaurant.currency, items=items)
        if not isinstance(meant, PlaceOrder):
            return await self._so_far(restaurant, menu, cart, typed), meant
        try:
            return (await self._ordering.quote(meant)).quote, ()
        except Refused as refused:
            mistakes = list(refused.fields)
        except Unavailable:
            return await self._so_far(restaurant, menu, cart, typed), ()
        if typed.coupon and not any(mistake.path == "coupon" for mistake in mistakes):
            # The coupon was not looked at, because of what is wrong elsewhere.
            unmet = await self._unmet(restaurant, menu, cart, typed)
            mistakes += [FieldError("coupon", unmet)] if unmet else []
        return await self._so_far(restaurant, menu, cart, typed), mistakes

    async def _so_far(self, restaurant: Restaurant, menu: MenuIndex, cart: Cart, typed: Typed) -> Quote:
        """Return the price of an unfinished form: with the coupon where it holds, the fee where the area is known."""
        try:
            coupon = await self._ordering.coupon(restaurant, typed.coupon)
            unmet = await self._unmet(restaurant, menu, cart, typed)
        except Unavailable:
            coupon, unmet = None, ""
        items = sum(line.total for line in priced(menu, cart))
        is_delivery = typed.fulfilment == "delivery"
        return quote(
            menu,
            cart,
            trading=restaurant.trading,
            coupon=None if unmet else coupon,
            fulfilment="delivery" if is_delivery else "pickup",
            area=area_of(restaurant.trading.delivery_areas, typed.postcode) if is_delivery else None,
            tip=tip_meant(typed, items, restaurant.currency) or 0,
        )

    async def _unmet(self, restaurant: Restaurant, menu: MenuIndex, cart: Cart, typed: Typed) -> str:
        """Return the sentence of the coupon's term that is not met; empty where all are, or no coupon is typed."""
        if not typed.coupon:
            return ""
        coupon = await self._ordering.coupon(restaurant, typed.coupon)
        lines = tuple(priced(menu, cart))
        unmet = unmet_term(coupon, lines, sum(line.total for line in lines), self._clock.now())
        return unmet.message if unmet is not None else ""
