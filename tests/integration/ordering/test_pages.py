"""The guest's and the staff's pages on a real database, without scripts."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import UUID

import httpx
import pytest

from comanda.contexts.ordering.module import LINKS, TEMPLATES, pages
from comanda.contracts.catalog import Trading
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.web.access import StaffMember
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.shop import RESTAURANT, SLUG, Shop, add_coupon, open_shop

ORDERS = "ordering.orders"
GUEST = {"name": "Ann <Lee>", "email": "ann@example.com", "phone": "+39 06 6982 1234"}


class Sessions:
    """An owner is signed in, and a stranger of another restaurant."""

    async def member(self, token: str) -> StaffMember | None:
        """Know two tokens."""
        restaurant_id = {"owner": RESTAURANT, "stranger": UUID(int=8)}.get(token)
        if restaurant_id is None:
            return None
        return StaffMember(
            id=UUID(int=1), restaurant_id=restaurant_id, name="O", email="o@x.org", roles=frozenset({"owner"})
        )


@pytest.fixture
async def shop(database: Database, clock: FakeClock) -> AsyncIterator[Shop]:
    """A shop that also delivers."""
    async with open_shop(database, clock, trading=Trading(slot_capacity=None)) as opened:
        yield opened


@pytest.fixture
async def guest(shop: Shop) -> AsyncIterator[Browser]:
    """A guest's browser."""
    module = Module(name="ordering", routes=pages(shop.needs, shop.parts), templates=TEMPLATES, staff_links=LINKS)
    async with Browser(front([module], Sessions())) as browser:
        yield browser


@pytest.fixture
def owner(guest: Browser) -> Browser:
    """The same browser, with the owner signed in."""
    guest.cookies.set(SESSION_COOKIE, "owner", domain="demo.example")
    return guest


def hidden(page: str, place: int = 0) -> dict[str, str]:
    """Return the hidden fields of the page's form in that place."""
    forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', forms[place])
    return {name: unescape(value) for name, value in fields}


async def fill_cart(guest: Browser, quantity: int = 2) -> None:
    """Put pizzas into the cart."""
    path = f"/r/{SLUG}/items/margherita"
    await guest.submit(path, path, {"group.size": "large", "quantity": quantity, "note": "well done"})


async def check_out(guest: Browser, **changes: Any) -> tuple[dict[str, Any], httpx.Response]:
    """Fill in the checkout and send it; return what was sent and the answer."""
    page = await guest.get(f"/r/{SLUG}/checkout")
    fields = {**hidden(page.text), "fulfilment": "pickup", **GUEST, "action": "place", **changes}
    return fields, await guest.post(f"/r/{SLUG}/checkout", data=fields)


async def test_the_only_restaurant_is_the_front_page(guest: Browser) -> None:
    """The front leads to its menu, which shows what can be had; another slug is 404 as a page."""
    page = await guest.get("/")
    assert page.url.path == f"/r/{SLUG}"
    assert "Margherita" in page.text
    missing = await guest.get("/r/nowhere")
    assert (missing.status_code, "no such restaurant" in missing.text) == (404, True)


async def test_the_cart_is_kept_in_the_browser(guest: Browser) -> None:
    """One click adds what needs no choice; counts change and lines go; a forged cookie is an empty cart."""
    await fill_cart(guest)
    menu = await guest.submit(f"/r/{SLUG}", f"/r/{SLUG}/cart", {"item": "special"})
    assert "Special of the day is in your cart" in menu.text
    cart = await guest.submit(f"/r/{SLUG}/cart", f"/r/{SLUG}/cart/lines/0", {"item": "margherita", "quantity": 3})
    assert "51,00" in cart.text
    cart = await guest.submit(f"/r/{SLUG}/cart", f"/r/{SLUG}/cart/lines/0", {"item": "margherita", "quantity": 0})
    assert ("Margherita" in cart.text, "Special" in cart.text) == (False, True)
    guest.cookies.set("comanda_cart", "forged", domain="demo.example", path=f"/r/{SLUG}")
    fresh = await guest.get(f"/r/{SLUG}/cart", headers={"Cookie": "comanda_cart=forged"})
    assert "Nothing in it yet" in fresh.text


async def test_a_line_is_changed_in_place(guest: Browser) -> None:
    """The item's page shows what was chosen, and saving it leaves one line."""
    await fill_cart(guest)
    page = await guest.get(f"/r/{SLUG}/items/margherita?line=0")
    assert re.search(r'value="large"[^>]* checked', page.text)
    assert 'value="well done"' in page.text
    fields = {"group.size": "small", "quantity": 1, "line": 0}
    cart = await guest.submit(f"/r/{SLUG}/items/margherita?line=0", f"/r/{SLUG}/items/margherita", fields)
    assert cart.url.path == f"/r/{SLUG}/cart"
    assert cart.text.count("/cart/lines/") == 1


async def test_a_wrong_choice_keeps_what_was_typed(guest: Browser) -> None:
    """Two sizes are one too many: the page says so and keeps the note."""
    path = f"/r/{SLUG}/items/margherita"
    answer = await guest.submit(path, path, {"group.size": ["small", "large"], "note": "<b>hot</b>"})
    assert answer.status_code == 422
    assert "choose 1 of" in answer.text
    assert "&lt;b&gt;hot&lt;/b&gt;" in answer.text


async def test_four_clicks_are_one_order(guest: Browser, shop: Shop) -> None:
    """The same page sent four times at once, and once more later, makes one order and leads to one page."""
    await fill_cart(guest)
    page = await guest.get(f"/r/{SLUG}/checkout")
    fields = {**hidden(page.text), "fulfilment": "pickup", **GUEST, "action": "place"}
    answers = await asyncio.gather(*(guest.post(f"/r/{SLUG}/checkout", data=fields) for _ in range(4)))
    later = await guest.post(f"/r/{SLUG}/checkout", data=fields)
    assert {answer.url.path for answer in (*answers, later)} == {answers[0].url.path}
    assert answers[0].url.path.startswith("/o/")
    assert "Ann" not in answers[0].text
    assert await shop.count(ORDERS) == 1
    assert "Nothing in it yet" in (await guest.get(f"/r/{SLUG}/cart")).text


async def test_the_same_meal_again_is_asked_and_then_made_once(guest: Browser, shop: Shop) -> None:
    """A new page with the same meal asks; "yes", clicked four times, makes exactly one more."""
    await fill_cart(guest)
    _, first = await check_out(guest)
    await fill_cart(guest)
    _, question = await check_out(guest)
    assert question.status_code == 409
    assert "The same once more?" in question.text
    assert first.url.path in question.text
    yes = {**hidden(question.text), "action": "place"}
    answers = await asyncio.gather(*(guest.post(f"/r/{SLUG}/checkout", data=yes) for _ in range(4)))
    assert {answer.url.path.startswith("/o/") for answer in answers} == {True}
    assert len({answer.url.path for answer in answers}) == 1
    assert await shop.count(ORDERS) == 2
    edit = await guest.post(f"/r/{SLUG}/checkout", data={**hidden(question.text, 1), "action": "edit"})
    assert (edit.status_code, 'value="ann@example.com"' in edit.text) == (200, True)


async def test_mistakes_stand_beside_their_fields_and_nothing_is_lost(guest: Browser, shop: Shop) -> None:
    """All that is wrong is told at once, what was typed stays, and mended it is one order."""
    await fill_cart(guest)
    sent, answer = await check_out(
        guest, email="ann@", phone="12", fulfilment="delivery", street="Via <1>", coupon="NOPE", note="ring"
    )
    assert answer.status_code == 422
    for name in ("email", "phone", "postcode", "coupon"):
        assert f'id="{name}-error"' in answer.text, name
    for kept in ("ann@", "Via &lt;1&gt;", "NOPE", "ring", "Ann &lt;Lee&gt;"):
        assert kept in answer.text
    assert hidden(answer.text)["attempt"] == sent["attempt"]
    assert await shop.count(ORDERS) == 0
    mended = {**hidden(answer.text), "fulfilment": "pickup", **GUEST, "action": "place"}
    assert (await guest.post(f"/r/{SLUG}/checkout", data=mended)).url.path.startswith("/o/")
    assert await shop.count(ORDERS) == 1


async def test_nothing_is_charged_that_was_not_shown(guest: Browser, shop: Shop) -> None:
    """A tip chosen after the page was made changes the total: the page shows the new one before it is ordered."""
    await add_coupon(shop.database, "TEN")
    await fill_cart(guest)
    _, answer = await check_out(guest, tip="15", coupon="ten")
    assert (answer.status_code, "The total is now" in answer.text) == (409, True)
    # 24,00 in the cart, 10 % off, and a tip of 15 % of 24,00.
    assert hidden(answer.text)["expected_total"] == "2520"
    again = {**hidden(answer.text), "fulfilment": "pickup", **GUEST, "tip": "15", "coupon": "ten", "action": "place"}
    assert (await guest.post(f"/r/{SLUG}/checkout", data=again)).url.path.startswith("/o/")
    assert await shop.database.fetch_value(f"SELECT total FROM {ORDERS}") == 2520


async def test_asking_for_the_price_scolds_nobody(guest: Browser, shop: Shop) -> None:
    """An unfinished form gets its price; only what is filled in wrongly is told."""
    await fill_cart(guest)
    _, answer = await check_out(guest, action="price", name="", email="", fulfilment="delivery", coupon="NOPE")
    assert answer.status_code == 200
    assert 'id="coupon-error"' in answer.text
    assert 'id="postcode-error"' not in answer.text
    assert await shop.count(ORDERS) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": ""},
        {"attempt": "x" * 256},
        {"attempt": "\u202e"},
        {"fulfilment": "teleport"},
        {"at_pickup": "yesterday"},
        {"at_pickup": "0001-01-01T00:00:00+14:00"},
        {"name": "a\u202eb"},
        {"name": "x" * 10_000},
        {"email": "\U0001f355@\U0001f355"},
        {"tip": "other", "tip_other": "1e400"},
        {"confirm": "forged"},
        {"expected_total": "999999999999999999999"},
    ],
)
async def test_bad_input_is_told_and_never_an_error(guest: Browser, shop: Shop, changes: dict[str, str]) -> None:
    """Whatever is posted, the answer is a page that says what to do, and nothing is stored."""
    await fill_cart(guest)
    _, answer = await check_out(guest, **changes)
    if answer.url.path.startswith("/o/"):
        assert changes.get("expected_total") or changes.get("attempt") == ""
        return
    assert 400 <= answer.status_code < 500
    assert "notice-wrong" in answer.text or "field-error" in answer.text
    assert await shop.count(ORDERS) == 0


async def test_a_forged_cart_orders_nothing(guest: Browser, shop: Shop) -> None:
    """A cart that we did not seal leads back to the menu."""
    await fill_cart(guest)
    _, answer = await check_out(guest, cart="forged")
    assert answer.url.path == f"/r/{SLUG}"
    assert await shop.count(ORDERS) == 0


async def test_what_sold_out_meanwhile_is_told(guest: Browser, shop: Shop) -> None:
    """The checkout says which dish is gone."""
    await fill_cart(guest)
    page = await guest.get(f"/r/{SLUG}/checkout")
    async with shop.database.transaction() as tx:
        await shop.catalog.sell_out(tx, RESTAURANT, "margherita")
    shop.restaurants.forget(RESTAURANT)
    fields = {**hidden(page.text), "fulfilment": "pickup", **GUEST, "action": "place"}
    answer = await guest.post(f"/r/{SLUG}/checkout", data=fields)
    assert (answer.status_code, "Margherita is sold out" in answer.text) == (422, True)


async def test_an_order_is_seen_by_its_token_alone(guest: Browser, shop: Shop) -> None:
    """Its id opens nothing, a changed token neither."""
    await fill_cart(guest)
    _, placed = await check_out(guest)
    order_id = await shop.database.fetch_value(f"SELECT id FROM {ORDERS}")
    for path in (f"/o/{order_id}", placed.url.path[:-2] + "AA", "/o/x", "/o/%00", "/o/é"):
        assert (await guest.get(path)).status_code == 404


async def test_staff_see_the_days_sales_and_the_proof_of_once(owner: Browser, shop: Shop) -> None:
    """Five clicks, one order; the day lists it; another day and another restaurant do not; an odd date is today."""
    await fill_cart(owner)
    fields, _ = await check_out(owner)
    for _ in range(4):
        await owner.post(f"/r/{SLUG}/checkout", data=fields)
    order_id = await shop.database.fetch_value(f"SELECT id FROM {ORDERS}")
    day = await owner.get("/staff/orders")
    assert ("1001" in day.text, "Ann &lt;Lee&gt;" in day.text) == (True, True)
    assert "1001" not in (await owner.get("/staff/orders?day=2001-01-01")).text
    for odd in ("nonsense", "0001-01-01", "9999-12-31", "%00"):
        assert "1001" in (await owner.get(f"/staff/orders?day={odd}")).text
    page = (await owner.get(f"/staff/orders/{order_id}")).text
    assert re.search(r"<b>5</b> <span>clicks</span>", page)
    assert re.search(r"<b>1</b> <span>order</span>", page)
    owner.cookies.set(SESSION_COOKIE, "stranger", domain="demo.example")
    assert (await owner.get(f"/staff/orders/{order_id}")).status_code == 404


async def test_cancelling_and_refunding_take_effect_once(owner: Browser, shop: Shop, clock: FakeClock) -> None:
    """A refund sent twice is one; more than is left is told; a cancelled order is cancelled once."""
    await fill_cart(owner)
    await check_out(owner)
    order_id = await shop.database.fetch_value(f"SELECT id FROM {ORDERS}")
    async with shop.database.transaction() as tx:
        await shop.parts.life.move(tx, order_id, "paid", at=clock.now(), reference="p1")
    page = (await owner.get(f"/staff/orders/{order_id}")).text
    refund = {**hidden(page, 1), "amount": "2,50", "reason": "cold"}
    path = f"/staff/orders/{order_id}"
    await asyncio.gather(*(owner.post(f"{path}/refund", data=refund) for _ in range(3)))
    assert await shop.database.fetch_value("SELECT sum(amount) FROM ordering.refunds") == 250
    for amount in ("1000", "x", "-1"):
        answer = await owner.submit(path, f"{path}/refund", {"amount": amount, "reason": ""})
        assert 400 <= answer.status_code < 500
        assert "notice-wrong" in answer.text
    page = (await owner.get(path)).text
    cancel = {**hidden(page, 2), "reason": "guest called"}
    await asyncio.gather(*(owner.post(f"{path}/cancel", data=cancel) for _ in range(3)))
    assert "cancelled" in (await owner.get(path)).text
    ended = "SELECT count(*) FROM engine.events WHERE name = 'ordering.OrderEnded'"
    assert await shop.database.fetch_value(ended) == 1
