"""The guest's pages up to the checkout: the menu, an item with its options, the cart. No scripts needed."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.ordering.cart import Cart, CartLine
from comanda.contexts.ordering.cart_cookie import CartCookies
from comanda.contexts.ordering.cart_edits import priced, still_on_the_menu, with_line, with_quantity
from comanda.contexts.ordering.item_form import chosen_at_first, chosen_by, count_field, group_field, line_of
from comanda.contexts.ordering.menu_index import IndexedItem, MenuIndex, MenuIndexes
from comanda.contexts.ordering.refusals import unknown_restaurant
from comanda.contracts.catalog import Restaurant, RestaurantReader, Timetable
from comanda.contracts.ordering import OrderLine
from comanda.engine.clock import Clock
from comanda.engine.errors import FieldError, Refused
from comanda.web.forms import Form, form_of

AnyRequest = Request[Any, Any, Any]

MOST_LISTED = 200
"""Restaurants on the front page, at most."""


class GuestPages:
    """The pages."""

    def __init__(
        self,
        restaurants: RestaurantReader,
        timetable: Timetable,
        menus: MenuIndexes,
        carts: CartCookies,
        clock: Clock,
    ) -> None:
        self._restaurants = restaurants
        self._timetable = timetable
        self._menus = menus
        self._carts = carts
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            get("/", include_in_schema=False)(self.home),
            get("/r/{slug:str}", include_in_schema=False)(self.menu),
            get("/r/{slug:str}/items/{item_id:str}", include_in_schema=False)(self.item),
            post("/r/{slug:str}/items/{item_id:str}", include_in_schema=False)(self.choose),
            get("/r/{slug:str}/cart", include_in_schema=False)(self.cart),
            post("/r/{slug:str}/cart", include_in_schema=False)(self.add),
            post("/r/{slug:str}/cart/lines/{place:int}", include_in_schema=False)(self.change),
        ]

    async def home(self) -> Template | Redirect:
        """Lead to the only restaurant, or let the guest choose."""
        listed = await self._restaurants.listed(MOST_LISTED)
        if len(listed) == 1:
            return Redirect(f"/r/{listed[0].slug}", status_code=303)
        return Template("ordering/home.html", context={"restaurants": listed})

    async def menu(self, request: AnyRequest, slug: FromPath[str], added: FromQuery[str] = "") -> Template:
        """Show the menu beside the cart."""
        restaurant, menu = await self._restaurant(slug)
        now = self._clock.now()
        is_open = self._timetable.is_open(restaurant, now)
        context = {
            "added": menu.items[added].item if added in menu.items else None,
            "is_open": is_open,
            "opens_at": None if is_open else self._timetable.next_opening(restaurant, now),
            "available": lambda item: (
                not item.availability or self._timetable.covers(restaurant, item.availability, now)
            ),
            "needs_choice": needs_choice,
        }
        return Template("ordering/menu.html", context=context | self._shared(request, restaurant, menu))

    async def item(
        self, request: AnyRequest, slug: FromPath[str], item_id: FromPath[str], line: FromQuery[int | None] = None
    ) -> Template:
        """Show an item with its options; `line` is the line of the cart that is being changed."""
        restaurant, menu = await self._restaurant(slug)
        indexed = _item(menu, item_id)
        cart = still_on_the_menu(menu, self._carts.read(request.scope, slug))
        changed = cart.lines[line] if line is not None and 0 <= line < len(cart.lines) else None
        if changed is not None and changed.item != item_id:
            changed = None
        chosen = chosen_at_first(indexed, changed)
        return self._item_page(request, restaurant, menu, indexed, chosen=chosen, line=changed, place=line)

    async def choose(self, request: AnyRequest, slug: FromPath[str], item_id: FromPath[str]) -> Template | Redirect:
        """Put the item into the cart with what was chosen, or say what is missing."""
        restaurant, menu = await self._restaurant(slug)
        indexed = _item(menu, item_id)
        form = form_of(request)
        place = form.integer("line", -1)
        cart = still_on_the_menu(menu, self._carts.read(request.scope, slug))
        line = line_of(form, menu, indexed)
        if isinstance(line, CartLine) and item_id not in restaurant.sold_out:
            changed = with_line(cart, line, instead_of=place if place >= 0 else None)
            target = f"/r/{slug}/cart" if place >= 0 else f"/r/{slug}?added={item_id}#item-{item_id}"
            return Redirect(target, status_code=303, headers=self._carts.write(changed, slug))
        errors = line if isinstance(line, list) else [FieldError("item", f"{indexed.item.name} is sold out.")]
        typed = CartLine(item=item_id, quantity=_quantity(form), note=form.one("note"))
        return self._item_page(
            request,
            restaurant,
            menu,
            indexed,
            chosen=chosen_by(form, indexed),
            line=typed,
            place=place if place >= 0 else None,
            errors=errors,
        )

    async def cart(self, request: AnyRequest, slug: FromPath[str]) -> Template:
        """Show the cart."""
        restaurant, menu = await self._restaurant(slug)
        return Template("ordering/cart.html", context=self._shared(request, restaurant, menu))

    async def add(self, request: AnyRequest, slug: FromPath[str]) -> Redirect:
        """Put an item into the cart with its default options; one that needs a choice leads to its page."""
        restaurant, menu = await self._restaurant(slug)
        item_id = form_of(request).one("item")
        cart = still_on_the_menu(menu, self._carts.read(request.scope, slug))
        line = line_of(Form(), menu, _item(menu, item_id))
        if not isinstance(line, CartLine) or item_id in restaurant.sold_out:
            return Redirect(f"/r/{slug}/items/{item_id}", status_code=303)
        changed = with_line(cart, line)
        target = f"/r/{slug}?added={item_id}#item-{item_id}"
        return Redirect(target, status_code=303, headers=self._carts.write(changed, slug))

    async def change(self, request: AnyRequest, slug: FromPath[str], place: FromPath[int]) -> Redirect:
        """Change how many of a line there are; 0 takes it out."""
        _, menu = await self._restaurant(slug)
        form = form_of(request)
        cart = still_on_the_menu(menu, self._carts.read(request.scope, slug))
        changed = with_quantity(cart, place, form.one("item"), form.integer("quantity"))
        target = f"/r/{slug}" if form.one("from") == "menu" else f"/r/{slug}/cart"
        return Redirect(target, status_code=303, headers=self._carts.write(changed, slug))

    async def _restaurant(self, slug: str) -> tuple[Restaurant, MenuIndex]:
        restaurant = await self._restaurants.by_slug(slug)
        if restaurant is None:
            raise unknown_restaurant(slug)
        return restaurant, self._menus.of(restaurant)

    def _shared(self, request: AnyRequest, restaurant: Restaurant, menu: MenuIndex) -> dict[str, Any]:
        cart = still_on_the_menu(menu, self._carts.read(request.scope, restaurant.slug))
        return page_context(restaurant) | cart_context(menu, cart)

    def _item_page(
        self,
        request: AnyRequest,
        restaurant: Restaurant,
        menu: MenuIndex,
        indexed: IndexedItem,
        *,
        chosen: dict[str, int],
        line: CartLine | None,
        place: int | None,
        errors: Sequence[FieldError] = (),
    ) -> Template:
        context = {
            "item": indexed.item,
            "chosen": chosen,
            "quantity": line.quantity if line is not None else 1,
            "note": line.note if line is not None else "",
            "place": place,
            "errors": [error.message for error in errors],
            "group_field": group_field,
            "count_field": count_field,
        }
        return Template(
            "ordering/item.html",
            context=context | self._shared(request, restaurant, menu),
            status_code=422 if errors else 200,
        )


def page_context(restaurant: Restaurant) -> dict[str, Any]:
    """Return what every page of a restaurant shows."""
    return {
        "restaurant": restaurant,
        "currency": restaurant.currency,
        "locale": restaurant.locale,
        "timezone": restaurant.timezone,
        "sold_out": restaurant.sold_out,
    }


def cart_context(menu: MenuIndex, cart: Cart) -> dict[str, Any]:
    """Return what a page shows of the cart: its lines with prices, their sum, and how many things are in it."""
    lines: Sequence[OrderLine] = priced(menu, cart)
    return {
        "cart_lines": lines,
        "cart_count": sum(line.quantity for line in lines),
        "cart_items": sum(line.total for line in lines),
    }


def needs_choice(item: Any) -> bool:
    """Whether a guest should look at the item's options before it goes into the cart."""
    return bool(item.option_groups)


def _item(menu: MenuIndex, item_id: str) -> IndexedItem:
    indexed = menu.items.get(item_id)
    if indexed is None:
        raise Refused("This is not on the menu.", kind="not_found", code="item-unknown")
    return indexed


def _quantity(form: Form) -> int:
    try:
        return max(1, min(form.integer("quantity", 1), 99))
    except Refused:
        return 1
