"""What comes back from a campaign's mails has its effect once, however often it is told."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import msgspec
import pytest

from comanda.contexts.campaigns import feedback_store
from comanda.contexts.campaigns.credits import credits_given
from comanda.contexts.campaigns.feedback import Feedback, best_of
from comanda.contexts.campaigns.feedback_store import VariantFigures
from comanda.contexts.campaigns.hit_pages import HitPages
from comanda.contexts.campaigns.hits import Hits
from comanda.contexts.campaigns.people_store import renew
from comanda.contexts.campaigns.preference_pages import PreferencePages
from comanda.contexts.campaigns.preferences import Preferences
from comanda.contexts.campaigns.robots import is_robot
from comanda.contexts.campaigns.suppression import Suppression
from comanda.contexts.promotions.desk import Coupons
from comanda.contexts.promotions.offers import offers
from comanda.contracts.campaigns import CouponsOffered, CouponTerms, MailReturned, WinnerDue
from comanda.contracts.customers import CONFIRMED, CustomerRow
from comanda.contracts.events import EVENTS
from comanda.contracts.module import Module
from comanda.contracts.payments import PaymentRefunded
from comanda.contracts.promotions import CouponNeed
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Worker
from comanda.engine.service import running
from comanda.mail.returns.marks import Marks
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.lanes import drained, until
from tests.fakes.orders import RESTAURANT, order_paid
from tests.integration.customers.desk import OneRestaurant
from tests.integration.customers.test_history import Sessions

MARKS = Marks([b"a secret for the tests, 32 bytes"])
TEMPLATES = Path(__file__).parents[3] / "src" / "comanda" / "contexts" / "campaigns" / "templates"
READER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}

CAMPAIGN = """
INSERT INTO campaigns.campaigns (id, restaurant_id, name, state, epoch, document, split, created_at, updated_at,
    started_at, recipients)
VALUES (gen_random_uuid(), $1, 'Summer', 'sending', 1, '{"subjects": ["a", "b"]}', $2, $3, $3, $3, 4)
RETURNING number
"""

PARTITION = """
CREATE TABLE IF NOT EXISTS campaigns.deliveries_all PARTITION OF campaigns.deliveries FOR VALUES FROM (1) TO (1000000)
"""

RECIPIENT = """
WITH person AS (
    INSERT INTO campaigns.people (id, restaurant_id, email, domain, name, phone, consent_at)
    VALUES ($1, $2, $3, 'example.org', 'Guest', '', now()) ON CONFLICT DO NOTHING
)
INSERT INTO campaigns.deliveries (campaign, recipient, customer_id, variant, state, accepted)
VALUES ($4, $5, $1, $6, 2, 1)
"""


CLICK = """
INSERT INTO campaigns.clicks (campaign, recipient, link, first_at, last_at, times) VALUES ($1, 3, 1, $2, $2, 1)
"""


async def campaign(database: Database, clock: FakeClock, *, split: str | None = None) -> int:
    """Add a campaign to four people, all of whom were mailed; return its number."""
    number: int = await database.fetch_value(CAMPAIGN, RESTAURANT, split, clock.now() - timedelta(hours=1))
    async with database.transaction() as tx:
        await tx.execute(PARTITION)
        for recipient in range(1, 5):
            email = f"guest{recipient}@example.org"
            await tx.execute(RECIPIENT, person(recipient), RESTAURANT, email, number, recipient, recipient % 2)
    return number


def person(recipient: int) -> UUID:
    """Return the id of who is that recipient in each of the campaigns."""
    return uuid5(RESTAURANT, str(recipient))


async def nobody_waits(_tx: Transaction, _campaign: int, _wave: int) -> None:
    """Start no wave."""


@pytest.fixture
def suppression(database: Database) -> Suppression:
    """Return what suppresses."""
    return Suppression(EventLog(Waker(database)))


async def told(database: Database, name: str) -> int:
    """Return how often an event was told."""
    count: int = await database.fetch_value("SELECT count(*) FROM engine.events WHERE name = $1", name)
    return count


async def reasons(database: Database) -> dict[UUID, str]:
    """Return who is suppressed, and why."""
    rows = await database.fetch("SELECT customer_id, why FROM campaigns.suppressions")
    return {row["customer_id"]: row["why"] for row in rows}


def returned(number: int, recipient: int, kind: Any, clock: FakeClock) -> MailReturned:
    """Return the news that a mail came back."""
    return MailReturned(
        mail=f"{number}:{recipient}", campaign=number, recipient=recipient, at=clock.now(), kind=kind, status="5.1.1"
    )


async def test_a_dead_address_is_suppressed_at_once(
    database: Database, suppression: Suppression, clock: FakeClock
) -> None:
    """A hard bounce told three times is one bounce, one suppression, one fact; a complaint counts as one too."""
    feedback, number = Feedback(suppression, nobody_waits), await campaign(database, clock)
    async with database.transaction() as tx:
        # Who has left before, and then complains, cannot take that back on the page.
        await suppression.suppress(
            tx, person(2), restaurant_id=RESTAURANT, why="unsubscribed", at=clock.now(), campaign=number
        )
    for _ in range(3):
        for recipient, kind in ((1, "hard"), (2, "complaint"), (99, "hard")):
            async with database.transaction() as tx:
                await feedback.take_return(tx, returned(number, recipient, kind, clock))
    assert await reasons(database) == {person(1): "bounced", person(2): "complained"}
    assert await told(database, "campaigns.Unsubscribed") == 2
    states = await database.fetch("SELECT recipient, state FROM campaigns.deliveries ORDER BY recipient")
    assert [row["state"] for row in states] == [4, 2, 2, 2]


async def test_three_soft_bounces_in_a_row_suppress(
    database: Database, suppression: Suppression, clock: FakeClock
) -> None:
    """One a campaign counts; half a year without one, and counting begins anew."""
    feedback = Feedback(suppression, nobody_waits)
    for step, gap_days in enumerate((0, 1, 200, 1, 1)):
        clock.advance(gap_days * 86_400)
        number = await campaign(database, clock)
        for _ in range(2):
            async with database.transaction() as tx:
                await feedback.take_return(tx, returned(number, 1, "soft", clock))
        assert (person(1) in await reasons(database)) == (step == 4), step


async def test_the_best_subject_wins_once(database: Database, suppression: Suppression, clock: FakeClock) -> None:
    """By the share of readers; what an older epoch wanted, and what is told again, starts nothing."""
    number = await campaign(database, clock, split='{"share": 500, "by": "opens", "after_s": 3600}')
    started: list[tuple[int, int]] = []

    async def start(_tx: Transaction, campaign: int, wave: int) -> None:
        started.append((campaign, wave))

    feedback = Feedback(suppression, start)
    opened = "INSERT INTO campaigns.openings (campaign, recipient, first_at, times) VALUES ($1, 1, now(), 1)"
    async with database.transaction() as tx:
        await tx.execute(opened, number)
    for epoch in (0, 1, 1):
        async with database.transaction() as tx:
            await feedback.choose_winner(tx, WinnerDue(campaign=number, epoch=epoch))
    assert started == [(number, 1)]
    assert await database.fetch_value("SELECT winner FROM campaigns.campaigns") == 1


def test_of_equals_the_first_wins() -> None:
    """And a subject that nobody got wins only where there is no other."""
    two = [VariantFigures(variant=n, sent=10, opened=5, clicked=n) for n in (0, 1)]
    assert (best_of(two, "opens"), best_of(two, "clicks"), best_of([], "opens")) == (0, 1, 0)
    assert best_of([VariantFigures(variant=0, sent=0, opened=0, clicked=0), two[1]], "opens") == 1


@pytest.fixture
async def browser(database: Database, suppression: Suppression, clock: FakeClock) -> AsyncIterator[Browser]:
    """A mail program and a browser, before the real frame and lanes that count."""
    log = EventLog(Waker(database))
    hits = Hits(database, log)
    preferences = Preferences(database, suppression, marks=MARKS, restaurants=OneRestaurant(), clock=clock)
    feedback = Feedback(suppression, nobody_waits)
    module = Module(
        name="campaigns",
        routes=[
            *PreferencePages(preferences).routes(),
            *HitPages(database, hits, marks=MARKS, clock=clock).routes(),
        ],
        consumers=feedback.consumers(),
        templates=TEMPLATES,
    )
    worker = Worker(database, EventCatalogue(EVENTS), module.consumers, clock=SystemClock(), ids=RandomIds())
    async with running([hits, worker]), Browser(front([module], Sessions())) as browser:
        browser.headers.update(READER)
        browser.follow_redirects = False
        yield browser
        await hits.stop()
        await drained(database, *module.consumers)


async def test_one_click_leaves_and_another_comes_back(database: Database, browser: Browser, clock: FakeClock) -> None:
    """Looking changes nothing; a mail program's POST without cookie or token does, once; the page takes it back."""
    number = await campaign(database, clock)
    page = f"/u/{MARKS.unsubscribe(number, 1)}"
    assert "Leave the news of Casa Demo?" in (await browser.get(page)).text
    assert (await browser.head(page)).status_code in {200, 405}
    assert await reasons(database) == {}
    for _ in range(4):
        answer = await browser.post(page, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, "no more news" in answer.text) == (200, True)
    assert await reasons(database) == {person(1): "unsubscribed"}
    assert await told(database, "campaigns.Unsubscribed") == 1
    back = await browser.post(page, data={"wish": "stay"})
    assert "Leave the news" in back.text
    assert await reasons(database) == {}
    assert await told(database, "campaigns.Resubscribed") == 1
    for token in ("x", MARKS.open(number, 1), MARKS.unsubscribe(number, 77)):
        assert (await browser.post(f"/u/{token}")).status_code == 404


async def test_hits_are_counted_and_machines_apart(database: Database, browser: Browser, clock: FakeClock) -> None:
    """A picture is answered whatever its token; a link leads only where the campaign's links lead."""
    number = await campaign(database, clock)
    await database.fetch("INSERT INTO campaigns.links VALUES ($1, 3, 'https://eat.example/menu')", number)
    pixel = f"/p/{MARKS.open(number, 1)}.gif"
    answers: list[httpx.Response] = [await browser.get(pixel) for _ in range(3)]
    answers.append(await browser.get(pixel, headers={"User-Agent": "python-requests/2"}))
    answers.append(await browser.get("/p/nonsense.gif"))
    assert {(answer.status_code, answer.headers["content-type"]) for answer in answers} == {(200, "image/gif")}
    link = await browser.get(f"/c/{MARKS.click(number, 1, 3)}")
    assert (link.status_code, link.headers["location"]) == (302, "https://eat.example/menu")
    assert (await browser.head(f"/c/{MARKS.click(number, 1, 3)}")).status_code == 302
    assert (await browser.head(pixel)).status_code == 200
    for token in (MARKS.click(number, 1, 4), "nonsense", MARKS.open(number, 1)):
        assert (await browser.get(f"/c/{token}")).status_code == 404

    async def counted() -> tuple[Any, ...]:
        rows = await database.fetch("SELECT recipient, times, robots FROM campaigns.openings")
        return tuple(tuple(row.values()) for row in rows)

    async def all_there() -> bool:
        clicks = await database.fetch("SELECT FROM campaigns.clicks WHERE times = 1")
        return await counted() == ((1, 3, 1),) and len(clicks) == 1

    await until(all_there)


def test_machines_are_told_by_what_they_say() -> None:
    """Google's proxy fetches for a person; Apple's prefetch, scanners and nobody do not."""
    assert not is_robot("Mozilla/5.0 (Windows) GoogleImageProxy (via ggpht.com)")
    assert not is_robot(READER["User-Agent"])
    for agent in ("", "Mozilla/5.0", "Barracuda Sentinel", "curl/8.5", "Slackbot 1.0"):
        assert is_robot(agent), agent
    assert is_robot(READER["User-Agent"], purpose="prefetch;prerender")


async def test_who_confirms_from_the_mailbox_is_mailed_again(database: Database, clock: FakeClock) -> None:
    """An import of the same address lifts nothing; a dead address stays dead."""
    await campaign(database, clock)
    async with database.transaction() as tx:
        for recipient, why in ((1, "erased"), (2, "unsubscribed"), (3, "bounced")):
            await feedback_store.suppress(
                tx, person(recipient), restaurant_id=RESTAURANT, why=why, at=clock.now(), campaign=None
            )
    clock.advance(60)

    def row(recipient: int, source: str) -> CustomerRow:
        return CustomerRow(
            id=person(recipient),
            restaurant_id=RESTAURANT,
            email=f"guest{recipient}@example.org",
            name="",
            phone="",
            timezone="",
            consent_at=clock.now(),
            consent_source=source,
            unsubscribed_at=None,
            attributes={},
            version=2,
        )

    for source, left in (("list.csv", 3), (CONFIRMED, 1)):
        async with database.transaction() as tx:
            await renew(tx, [row(recipient, source) for recipient in (1, 2, 3)])
        assert len(await reasons(database)) == left
    assert await reasons(database) == {person(3): "bounced"}


async def test_a_recipients_coupon_is_good_once(database: Database, clock: FakeClock) -> None:
    """Its row is made when it is asked for, by however many at once; an order with it is its campaign's."""
    number = await campaign(database, clock)

    def read_code(code: str) -> tuple[int, str] | None:
        mark = MARKS.read_coupon(code)
        return None if mark is None else (mark.campaign, MARKS.coupon(mark.campaign, mark.recipient))

    desk, code = Coupons(database, clock, read_code), MARKS.coupon(number, 2)
    assert await desk.find(RESTAURANT, code) is None
    offered = CouponsOffered(
        campaign=number, restaurant_id=RESTAURANT, terms=CouponTerms(kind="percentage", value=1000)
    )
    handle = offers().handle
    assert handle is not None
    async with database.transaction() as tx:
        await handle(tx, offered)
    clock.advance(2)
    coupon = await desk.find(RESTAURANT, f" {code.lower()} ")
    assert coupon is not None
    assert (coupon.kind, coupon.value, coupon.total_limit) == ("percentage", 1000, 1)
    assert await desk.find(UUID(int=8), code) is None
    # Spelled in another way it is the same coupon: else it would be good once for each.
    other = await desk.find(RESTAURANT, f"{code[:4]}-{code[4:].replace('0', 'O').replace('1', 'I')}")
    assert other == coupon
    needs = [
        CouponNeed(order_id=UUID(int=n), coupon_id=coupon.id, customer_id=UUID(int=50 + n), discount=1) for n in (1, 2)
    ]
    async with database.transaction() as tx:
        assert await desk.reserve(tx, needs) == {UUID(int=2): "total"}


async def test_an_order_is_credited_once(database: Database, clock: FakeClock) -> None:
    """By the guest's click of the week before; told twice it counts once, and what is given back is taken off."""
    number = await campaign(database, clock)
    await database.fetch(CLICK, number, clock.now() - timedelta(days=6))
    paid = order_paid(UUID(int=1), clock.now())
    guest = msgspec.structs.replace(paid.order.guest, id=person(3))
    paid = msgspec.structs.replace(paid, order=msgspec.structs.replace(paid.order, guest=guest))
    other = order_paid(UUID(int=2), clock.now(), number=1002)
    refund = PaymentRefunded(
        order_id=paid.order_id, payment_id=UUID(int=1), refund_id=UUID(int=1), amount=100, refunded_in_all=100,
        captured=2600, currency="EUR",
    )  # fmt: skip
    handle = credits_given(MARKS).handle
    assert handle is not None
    for event in (paid, other, paid, refund, refund):
        async with database.transaction() as tx:
            await handle(tx, event)
    (row,) = await database.fetch("SELECT campaign, recipient, why, total, refunded FROM campaigns.credits")
    assert tuple(row.values()) == (number, 3, "click", 2600, 100)
