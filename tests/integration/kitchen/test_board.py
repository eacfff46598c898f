"""The kitchen's board: tickets come once, move once, and never against each other."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from comanda.contexts.kitchen.module import build
from comanda.contexts.kitchen.service import Kitchen
from comanda.contexts.kitchen.ticket import Ticket
from comanda.contracts.module import Module
from comanda.contracts.ordering import OrderEnded, OrderPaid
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog, Waker
from comanda.web.access import StaffMember
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds
from tests.fakes.orders import RESTAURANT, order_paid

COOK = StaffMember(
    id=UUID(int=1), restaurant_id=RESTAURANT, name="Carl", email="carl@example.org", roles=frozenset({"kitchen"})
)
STRANGER = StaffMember(
    id=UUID(int=2), restaurant_id=UUID(int=8), name="Eve", email="eve@example.org", roles=frozenset({"owner"})
)


class Sessions:
    """Two people of two restaurants are signed in."""

    async def member(self, token: str) -> StaffMember | None:
        """Know two tokens."""
        return {"cook": COOK, "stranger": STRANGER}.get(token)


@pytest.fixture
def log(database: Database) -> EventLog:
    """Return a log."""
    return EventLog(Waker(database))


@pytest.fixture
def kitchen(database: Database, log: EventLog, clock: FakeClock, ids: SeededIds) -> Kitchen:
    """Return the kitchen."""
    return Kitchen(database, log, clock, ids)


@pytest.fixture
def module(database: Database, log: EventLog, clock: FakeClock, ids: SeededIds) -> Module:
    """Return the kitchen's module."""
    return build(database=database, log=log, clock=clock, ids=ids)


@pytest.fixture
async def browser(module: Module) -> AsyncIterator[Browser]:
    """Return the cook's browser."""
    async with Browser(front([module], Sessions())) as browser:
        browser.cookies.set(SESSION_COOKIE, "cook", domain="demo.example")
        yield browser


async def deliver(module: Module, database: Database, *events: OrderPaid | OrderEnded) -> None:
    """Hand events to the kitchen's consumer, each in a transaction of its own."""
    consumer = next(each for each in module.consumers if each.name == "kitchen.tickets")
    assert consumer.handle is not None
    for event in events:
        async with database.transaction() as tx:
            await consumer.handle(tx, event)


@pytest.fixture
async def ticket(module: Module, kitchen: Kitchen, database: Database, clock: FakeClock) -> Ticket:
    """Return the one ticket on the board, new."""
    await deliver(module, database, order_paid(UUID(int=1), clock.now()))
    (ticket,) = (await kitchen.board(RESTAURANT)).open
    return ticket


async def move(database: Database, kitchen: Kitchen, ticket: Ticket, to: str, version: int | None = None) -> Ticket:
    """Move a ticket from the version in which it was seen."""
    seen = ticket.version if version is None else version
    return await database.run(lambda tx: kitchen.move(tx, COOK, ticket.id, to, version=seen))


async def emitted(database: Database) -> list[tuple[str, str | None]]:
    """Return the names and statuses of what was emitted."""
    rows = await database.fetch("SELECT name, payload FROM engine.events ORDER BY id")
    return [(row["name"], json.loads(row["payload"]).get("status")) for row in rows]


async def test_a_paid_order_gets_one_ticket(
    module: Module, kitchen: Kitchen, database: Database, clock: FakeClock
) -> None:
    """Delivered twice, the event makes one ticket and one TicketOpened."""
    event = order_paid(UUID(int=1), clock.now())
    await deliver(module, database, event, event)
    (ticket,) = (await kitchen.board(RESTAURANT)).open
    assert (ticket.number, ticket.status, ticket.order) == (1001, "waiting", event.order)
    assert await emitted(database) == [("kitchen.TicketOpened", None)]
    assert (await kitchen.board(STRANGER.restaurant_id)).open == []


async def test_the_same_click_twice_is_one_move(kitchen: Kitchen, database: Database, ticket: Ticket) -> None:
    """Twenty people accept at the same time: all see it accepted, it moved once, and one event tells it."""
    moved = await asyncio.gather(*(move(database, kitchen, ticket, "accepted") for _ in range(20)))
    assert {(t.status, t.version) for t in moved} == {("accepted", 2)}
    assert (await emitted(database)).count(("kitchen.TicketMoved", "accepted")) == 1


async def test_two_who_disagree_cannot_both_have_their_way(
    kitchen: Kitchen, database: Database, ticket: Ticket
) -> None:
    """One accepts while another rejects: one wins, the other is told where the ticket stands."""
    outcomes = await asyncio.gather(
        move(database, kitchen, ticket, "accepted"),
        move(database, kitchen, ticket, "rejected"),
        return_exceptions=True,
    )
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Ticket)]
    (loser,) = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert (loser.kind, loser.members["ticket_status"]) == ("conflict", winner.status)
    assert (await kitchen.ticket(RESTAURANT, ticket.id)).status == winner.status
    assert len(await emitted(database)) == 2


@pytest.mark.parametrize(("to", "kind"), [("ready", "conflict"), ("on_its_way", "conflict"), ("waiting", "invalid")])
async def test_impossible_moves_are_refused(
    kitchen: Kitchen, database: Database, ticket: Ticket, to: str, kind: str
) -> None:
    """Nothing is skipped, nothing goes back, and nothing of it is written."""
    with pytest.raises(Refused) as refused:
        await move(database, kitchen, ticket, to)
    assert refused.value.kind == kind
    assert (await kitchen.board(RESTAURANT)).open == [ticket]


async def test_a_cancelled_order_leaves_the_board(
    module: Module, kitchen: Kitchen, database: Database, ticket: Ticket
) -> None:
    """Its ticket is withdrawn, a click that comes later is told so, and a completed one stays completed."""
    ended = OrderEnded(order_id=UUID(int=1), restaurant_id=RESTAURANT, status="cancelled", reason="Guest called")
    await deliver(module, database, ended, ended)
    board = await kitchen.board(RESTAURANT)
    assert (board.open, [closed.status for closed in board.closed]) == ([], ["withdrawn"])
    with pytest.raises(Refused, match="withdrawn"):
        await move(database, kitchen, ticket, "accepted")


async def test_the_whole_way_over_the_page(
    browser: Browser, module: Module, kitchen: Kitchen, database: Database, clock: FakeClock
) -> None:
    """A delivery goes from new to handed over by the buttons of the page; each move is an event."""
    await deliver(module, database, order_paid(UUID(int=1), clock.now(), fulfilment="delivery"))
    page = (await browser.get("/staff/kitchen")).text
    for text in ("1001", "Margherita &lt;b&gt;", "Olives", "well done", "Ring twice", "in 30 min", "1:30"):
        assert text in page
    (ticket,) = (await kitchen.board(RESTAURANT)).open
    for version, to in enumerate(("accepted", "preparing", "ready", "on_its_way", "completed"), start=1):
        answer = await browser.submit(
            "/staff/kitchen", f"/staff/kitchen/tickets/{ticket.id}", {"version": version, "to": to}
        )
        assert answer.status_code == 200
        assert "Somebody was faster" not in answer.text
    assert [status for _, status in await emitted(database)][1:] == [
        "accepted",
        "preparing",
        "ready",
        "on_its_way",
        "completed",
    ]
    late = {"version": 1, "to": "rejected", "reason": "x"}
    await deliver(module, database, order_paid(UUID(int=2), clock.now(), number=1002))
    answer = await browser.submit("/staff/kitchen", f"/staff/kitchen/tickets/{ticket.id}", late)
    assert "Somebody was faster: order 1001 is completed." in answer.text


async def test_the_api_does_the_same(browser: Browser, module: Module, database: Database, clock: FakeClock) -> None:
    """A screen reads the board and moves tickets; the same move twice is one; strangers find nothing."""
    await deliver(module, database, order_paid(UUID(int=1), clock.now(), fulfilment="dine_in"))
    browser.headers["Accept"] = "application/json"
    (ticket,) = (await browser.get("/api/v1/kitchen/tickets")).json()["tickets"]
    assert (ticket["moves"], ticket["guest"]) == (["accepted", "rejected"], "Ana Sousa")
    path = f"/api/v1/kitchen/tickets/{ticket['id']}"
    for _ in range(2):
        answer = await browser.post(f"{path}/moves", json={"to": "accepted", "version": 1})
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
    stale = await browser.post(f"{path}/moves", json={"to": "rejected", "version": 1, "reason": "late"})
    assert (stale.status_code, stale.json()["ticket_status"]) == (409, "accepted")
    wrong: list[object] = [{"to": "eaten", "version": 1}, {"to": "ready", "version": 0}, {"version": 1}, []]
    for body in [*wrong, {"to": "ready", "version": 2**31}]:
        assert (await browser.post(f"{path}/moves", json=body)).status_code == 422
    assert (await browser.get(path)).json()["status"] == "accepted"

    stranger = {"Authorization": "Bearer stranger"}
    assert (await browser.get("/api/v1/kitchen/tickets", headers=stranger)).json() == {"tickets": []}
    assert (await browser.get(path, headers=stranger)).status_code == 404
    moved = await browser.post(f"{path}/moves", json={"to": "preparing", "version": 2}, headers=stranger)
    assert moved.status_code == 404
    assert (await browser.get(path, headers={"Authorization": "Bearer nobody"})).status_code == 401
