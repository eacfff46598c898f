"""A guest and the kitchen in a real browser on a real box, with scripts and without."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from comanda.engine.database.embedded import running_url
from tests.fakes.chromium import PATIENCE_MS, chromium, window
from tests.fakes.running_box import RunningBox, running_box

WIDTH = "document.documentElement.scrollWidth"

NAME_ALL = """
name => document.querySelectorAll('h1, .station-head > :first-child').forEach(each => { each.textContent = name })
"""
"""Which event is the first depends on the order of the tests: the page of any must fit."""

pytestmark = pytest.mark.slow  # Starts a whole box and a browser.


@pytest.fixture(scope="module")
def box() -> Iterator[RunningBox]:
    """A box that is ready, for all tests of this module."""
    with tempfile.TemporaryDirectory(prefix="comanda-browser-") as folder, running_box(Path(folder, "data")) as box:
        yield box


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        expect.set_options(timeout=PATIENCE_MS)
        yield browser


@pytest.fixture(params=["with scripts", "without scripts"])
def profile(request: pytest.FixtureRequest, browser: Browser, box: RunningBox) -> Iterator[BrowserContext]:
    """A guest's profile, with scripts and without."""
    scripts = request.param == "with scripts"
    with window(browser, box.address, scripts=scripts, width=1280 if scripts else 390) as context:
        yield context


def fill_checkout(page: Page, email: str) -> None:
    """Put a pizza and a plate into the cart and fill in the checkout."""
    page.goto("/")
    page.get_by_label("Choose Margherita").click()
    page.get_by_label("40 cm, for two").check()
    page.get_by_label("Note for the kitchen").fill("well done")
    page.get_by_role("button", name="Put into the cart").click()
    page.get_by_label("Add Pan con tomate").click()
    say_who(page, email)


def say_who(page: Page, email: str) -> None:
    """Fill in the checkout with what is in the cart already."""
    page.goto("/r/demo/checkout")
    page.get_by_label("Name").fill("Ana Sousa")
    page.get_by_label("E-mail").fill(email)


def shown_total(page: Page) -> str:
    """Return the amount on the button that orders."""
    found = re.search(r"Order and pay (\S+)", page.locator("button.place").inner_text())
    assert found is not None
    return found[1]


def sign_in(page: Page, box: RunningBox, to: str) -> None:
    """Sign in as the owner, whose password the box has printed."""
    password = re.search(r"with the password (\S+)", box.told)
    assert password is not None
    page.goto(to)
    page.get_by_label("E-mail").fill("owner@demo.example")
    page.get_by_label("Password").fill(password[1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{to}")


def test_a_meal_from_the_menu_to_the_table(profile: BrowserContext, box: RunningBox) -> None:
    """Ordered by a guest with four clicks, cooked by the kitchen, followed on the guest's page, proven to be one."""
    guest = profile.new_page()
    fill_checkout(guest, f"guest-{guest.viewport_size['width'] if guest.viewport_size else 0}@example.com")
    guest.locator("button.place").click(click_count=4, delay=5, no_wait_after=True)
    # Not `wait_for_url`: each click ends the navigation of the one before, which it would take for a failure.
    expect(guest).to_have_url(re.compile(r"/o/"), timeout=30_000)
    guest.wait_for_load_state()
    found = re.search(r"Order (\d+)", guest.locator("main").inner_text())
    assert found is not None
    number = found[1]

    kitchen = profile.new_page()
    sign_in(kitchen, box, "/staff/kitchen")
    for button in ("Accept", "Start", "Ready", "Handed over"):
        for _ in range(60):
            if kitchen.get_by_role("article", name=number).get_by_role("button", name=button).count():
                break
            kitchen.wait_for_timeout(500)
            kitchen.goto("/staff/kitchen")
        ticket = kitchen.get_by_role("article", name=number)
        expect(ticket).to_contain_text("well done")
        ticket.get_by_role("button", name=button).click()
    expect(kitchen.get_by_role("article", name=number)).to_have_count(0)
    expect(guest.get_by_role("heading", name="Enjoy your meal")).to_be_visible()

    kitchen.goto("/staff/orders")
    kitchen.get_by_role("link", name=number).click()
    proof = kitchen.locator(".proof-chain").inner_text().split()
    assert proof[2:] == ["1", "order", "1", "charge", "1", "ticket", "1", "receipt"]


def test_the_total_follows_the_guests_choices(browser: Browser, box: RunningBox) -> None:
    """With scripts the sum is right before the guest presses the button: delivery, tip and coupon are in it."""
    with window(browser, box.address, scripts=True) as profile:
        page = profile.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        fill_checkout(page, "total@example.com")
        before = shown_total(page)
        page.get_by_role("radio", name="Delivery").check()
        page.get_by_label("Street and house number").fill("Calle Mayor 1")
        page.get_by_label("Postcode").fill("28001")
        page.get_by_label("Coupon").fill("welcome10")
        page.get_by_role("radio", name="10 %").check()
        expect(page.locator(".amounts")).to_contain_text("WELCOME10")
        expect(page.locator(".amounts")).to_contain_text("Tip")
        expect(page.locator(".amounts")).to_contain_text("Delivery")
        expect(page.locator("form.is-pricing")).to_have_count(0)
        after = shown_total(page)
        assert after != before
        page.locator("button.place").click()
        page.wait_for_url("**/o/*")
        expect(page.locator(".amounts-total")).to_contain_text(after)
        assert faults == []


def test_the_same_meal_again_is_a_question(browser: Browser, box: RunningBox) -> None:
    """A second tab with the same meal asks; both answers lead where they say."""
    with window(browser, box.address, scripts=False) as profile:
        page = profile.new_page()
        fill_checkout(page, "again@example.com")
        page.locator("button.place").click()
        page.wait_for_url("**/o/*")
        first = page.url
        fill_checkout(page, "again@example.com")
        page.locator("button.place").click()
        expect(page.get_by_role("heading", name="The same once more?")).to_be_visible()
        page.get_by_role("link", name="No, show me that order").click()
        assert page.url == first
        say_who(page, "again@example.com")
        page.locator("button.place").click()
        page.get_by_role("button", name="Yes, order it once more").click()
        page.wait_for_url("**/o/*")
        assert page.url != first


LETTER = """
WITH event AS (
    INSERT INTO engine.events (shard, name, version, key, payload)
    SELECT 3, 'test.Odd', 1, $1, '{"odd": true}' RETURNING *
)
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
SELECT 'receipts.send', id, shard, position, at, version, name, key, payload, 'dead', 12, 'MailRefused: 550', now()
FROM event
"""


def leave_a_dead_letter(box: RunningBox, key: str) -> None:
    """Leave an event in the lane of receipts that no lane can handle."""

    async def leave() -> None:
        url = running_url(box.data)
        connection = await asyncpg.connect(url)
        await connection.execute(LETTER, key)
        await connection.close()

    # In a thread of its own: the browser's loop runs in this one.
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(asyncio.run, leave()).result()


def test_a_dead_letter_at_three_in_the_morning(profile: BrowserContext, box: RunningBox) -> None:
    """An operator finds it, reads its error, has it tried again, follows its way, and drops it in the end."""
    page = profile.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    key = f"odd {page.viewport_size}"
    sign_in(page, box, "/ops")
    leave_a_dead_letter(box, key)
    # By the stream where there are scripts, by the page's own refresh where there are none.
    expect(page.get_by_role("row", name="receipts.send")).to_contain_text("dead letters")
    page.get_by_role("link", name="receipts.send").click()
    letter = page.locator(".letter", has_text=key)
    expect(letter).to_contain_text("MailRefused: 550")
    letter.get_by_role("checkbox").check()
    page.get_by_role("button", name="Try the ticked again").click()
    expect(page.get_by_text("1 tried again.")).to_be_visible()
    for _ in range(60):
        if "does not know the event" in page.locator(".letter", has_text=key).inner_text():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.locator(".letter", has_text=key).get_by_role("link", name="event").click()
    expect(page.get_by_role("heading", name="test.Odd")).to_be_visible()
    expect(page.locator(".stations")).to_contain_text("No lane wants this event")
    page.goto("/ops/lanes/receipts.send")
    page.locator(".letter", has_text=key).get_by_role("checkbox").check()
    page.get_by_text("Drop", exact=True).click()
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Drop the ticked").click()
    expect(page.get_by_text("1 dropped.")).to_be_visible()
    expect(page.locator(".letter", has_text=key)).to_have_count(0)
    assert faults == []


def test_pages_fit_a_phone(browser: Browser, box: RunningBox) -> None:
    """No page is wider than a small phone's screen."""
    with window(browser, box.address, scripts=True, width=360) as profile:
        page = profile.new_page()
        fill_checkout(page, "phone@example.com")
        sign_in(page, box, "/staff/kitchen")
        paths = ["/r/demo", "/r/demo/items/margherita", "/r/demo/cart", "/r/demo/checkout", "/nothing"]
        paths += ["/staff", "/staff/kitchen", "/staff/orders", "/staff/customers", "/staff/accounts"]
        for path in [*paths, "/ops", "/ops/lanes/receipts.send", "/ops/log"]:
            page.goto(path)
            assert page.evaluate(WIDTH) <= 360, path
        page.goto("/ops/events/1")
        page.evaluate(NAME_ALL, "payments.ProviderWebhookArrivedAndWasNotUnderstood")
        assert page.evaluate(WIDTH) <= 360
