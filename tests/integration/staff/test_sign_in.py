"""Signing in, and what keeps others out."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from litestar.types import ASGIApp

from comanda.contexts.staff.module import build
from comanda.contexts.staff.passwords import Passwords
from comanda.contexts.staff.service import TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS, StaffDesk
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds

RESTAURANT = UUID(int=7)
EMAIL = "owner@demo.example"


@pytest.fixture
def desk(database: Database, clock: FakeClock, ids: SeededIds) -> StaffDesk:
    """Return a desk whose passwords are cheap to hash."""
    return StaffDesk(database, clock, ids, Passwords(memory_kib=64, passes=1))


@pytest.fixture
async def password(desk: StaffDesk, database: Database) -> str:
    """Return the password of the first account."""
    async with database.transaction() as tx:
        password = await desk.create_first_account(tx, RESTAURANT, email=EMAIL, name="Olga Owner")
    assert password is not None
    return password


@pytest.fixture
def app(desk: StaffDesk) -> ASGIApp:
    """Return the staff's doors."""
    return front([build(desk, secure=True)], desk)


@pytest.fixture
async def browser(app: ASGIApp) -> AsyncIterator[Browser]:
    """Return a browser."""
    async with Browser(app) as browser:
        yield browser


async def sign_in(browser: Browser, password: str, email: str = EMAIL, following: str = "/staff") -> httpx.Response:
    """Sign in on the page."""
    fields = {"email": email, "password": password, "next": following}
    return await browser.submit("/staff/sign-in", "/staff/sign-in", fields)


async def test_the_first_account_is_made_once(desk: StaffDesk, database: Database, password: str) -> None:
    """A second start makes no second owner, and its e-mail is stored in its one form."""
    async with database.transaction() as tx:
        assert await desk.create_first_account(tx, RESTAURANT, email="x@demo.example", name="X") is None
    assert len(password) >= 20
    assert [account.email for account in await desk.accounts(RESTAURANT)] == [EMAIL]


async def test_signing_in_leads_to_the_page_that_was_asked_for(browser: Browser, password: str) -> None:
    """A page asks for the sign-in, and after it comes up; the cookie is for the browser alone."""
    asked = await browser.get("/staff/accounts")
    assert asked.url.path == "/staff/sign-in"
    answer = await sign_in(browser, password, " OWNER@demo.example ", asked.url.params["next"])
    assert answer.url.path == "/staff/accounts"
    cookie = answer.history[0].headers["set-cookie"]
    assert all(part in cookie for part in (SESSION_COOKIE, "HttpOnly", "Secure", "SameSite=Lax"))
    assert (await browser.get("/staff/sign-in")).url.path == "/staff"


@pytest.mark.parametrize("following", ["https://evil.example", "//evil.example", "/\\evil.example", "/staff//evil"])
async def test_signing_in_never_leads_to_another_site(browser: Browser, password: str, following: str) -> None:
    """Whatever stands in `next`, one stays on the staff's own pages."""
    answer = await sign_in(browser, password, following=following)
    assert (answer.url.host, answer.url.path) == ("demo.example", "/staff")


async def test_a_wrong_password_and_an_unknown_account_look_the_same(browser: Browser, password: str) -> None:
    """Nothing tells which e-mails have accounts, and no cookie is set."""
    wrong = await sign_in(browser, password + "x")
    unknown = await sign_in(browser, password, "nobody@demo.example")
    nonsense = await sign_in(browser, password, "\ufffdé@")
    sentence = "E-mail and password do not match."
    for answer in (wrong, unknown, nonsense):
        assert answer.status_code == 401
        assert sentence in answer.text
    assert SESSION_COOKIE not in browser.cookies


async def test_guessing_is_slowed_down_per_account_and_address(
    desk: StaffDesk, app: ASGIApp, password: str, clock: FakeClock
) -> None:
    """After a few tries even the right password waits; another address does not, and later neither does the first."""
    async with Browser(app) as guesser, Browser(app, address="203.0.113.8") as owner:
        for _ in range(TRIES_PER_ACCOUNT):
            assert (await sign_in(guesser, "wrong password")).status_code == 401
        assert (await sign_in(guesser, password)).status_code == 429
        assert (await sign_in(owner, password)).status_code == 200
        with pytest.raises(Refused) as refused:
            await desk.sign_in(EMAIL, password, address="203.0.113.7")
        assert refused.value.members["retry_after_s"] == 900
        clock.advance(901)
        assert (await sign_in(guesser, password)).status_code == 200


async def test_a_thousand_guesses_at_once_are_counted_one_by_one(desk: StaffDesk, password: str) -> None:
    """Tries that arrive together cannot slip under the limit together."""

    async def guess(number: int) -> str:
        try:
            await desk.sign_in(EMAIL, f"{password}{number}", address="203.0.113.7")
        except Refused as refused:
            return refused.code
        return "in"

    codes = await asyncio.gather(*(guess(number) for number in range(60)))
    assert codes.count("wrong-credentials") == TRIES_PER_ACCOUNT
    assert codes.count("too-many-tries") == 60 - TRIES_PER_ACCOUNT
    with pytest.raises(Refused, match="Too many"):
        await desk.sign_in("another@demo.example", "x", address="203.0.113.7")
    assert TRIES_PER_ADDRESS < 60


async def test_a_session_ends_by_signing_out_by_idleness_and_by_age(
    desk: StaffDesk, browser: Browser, password: str, clock: FakeClock
) -> None:
    """Signing out ends it at once; otherwise a week without use ends it, or a month in all."""
    await sign_in(browser, password)
    token = browser.cookies[SESSION_COOKIE]
    assert await desk.member(token) is not None
    await browser.submit("/staff", "/staff/sign-out", {})
    assert await desk.member(token) is None

    idle = (await desk.sign_in(EMAIL, password, address="a")).token
    used = (await desk.sign_in(EMAIL, password, address="a")).token
    for _ in range(8):
        clock.advance(86_400)
        assert await desk.member(used) is not None
    assert await desk.member(idle) is None
    for _ in range(23):
        clock.advance(86_400)
        last = await desk.member(used)
    assert last is None


async def test_what_is_over_is_swept(desk: StaffDesk, database: Database, password: str, clock: FakeClock) -> None:
    """Old sessions and counts leave the tables; those in use stay."""
    await desk.sign_in(EMAIL, password, address="a")
    clock.advance(86_400 * 8)
    await desk.sign_in(EMAIL, password, address="a")
    await desk.sweep()
    assert await database.fetch_value("SELECT count(*) FROM staff.sessions") == 1
    clock.advance(3600)
    await desk.sweep()
    assert await database.fetch_value("SELECT count(*) FROM staff.sign_in_tries") == 0


async def test_only_hashes_are_stored(desk: StaffDesk, database: Database, password: str) -> None:
    """Who reads the tables finds neither passwords nor tokens."""
    token = (await desk.sign_in(EMAIL, password, address="a")).token
    rows = await database.fetch("SELECT a.*::text, s.*::text FROM staff.accounts a, staff.sessions s")
    text = str([list(row) for row in rows])
    assert "$argon2id$" in text
    assert password not in text
    assert token not in text


async def test_another_password_ends_the_other_sessions(desk: StaffDesk, browser: Browser, password: str) -> None:
    """The browser that changed it stays signed in; all others are out, and the old password is none."""
    other = (await desk.sign_in(EMAIL, password, address="a")).token
    await sign_in(browser, password)
    new = {"new_password": "a sentence of mine", "new_password_again": "a sentence of mine"}
    for fields, fault in (
        ({"old_password": "not it", **new}, "not your password"),
        ({"old_password": password, **new, "new_password_again": "another"}, "not the same"),
        ({"old_password": password, "new_password": "short", "new_password_again": "short"}, "at least"),
    ):
        answer = await browser.submit("/staff/password", "/staff/password", fields)
        assert (answer.status_code, fault in answer.text) == (422, True)
    answer = await browser.submit("/staff/password", "/staff/password", {"old_password": password, **new})
    assert (answer.status_code, "changed" in answer.text) == (200, True)
    assert await desk.member(other) is None
    assert await desk.member(browser.cookies[SESSION_COOKIE]) is not None
    with pytest.raises(Refused):
        await desk.sign_in(EMAIL, password, address="b")
    await desk.sign_in(EMAIL, "a sentence of mine", address="b")


async def test_programs_sign_in_for_a_token(app: ASGIApp, password: str) -> None:
    """A token comes for e-mail and password, opens staff's paths, and ends when asked to."""
    async with Browser(app) as program:
        program.headers["Accept"] = "application/json"
        bad = await program.post("/api/v1/staff/tokens", json={"email": EMAIL, "password": "x"})
        assert (bad.status_code, bad.json()["type"]) == (401, "/problems/wrong-credentials")
        odd = await program.post("/api/v1/staff/tokens", json={"email": EMAIL})
        assert (odd.status_code, odd.headers["content-type"]) == (422, "application/problem+json")
        good = await program.post("/api/v1/staff/tokens", json={"email": EMAIL, "password": password})
        assert good.status_code == 201
        assert good.json()["roles"] == ["owner"]
        bearer = {"Authorization": f"Bearer {good.json()['token']}"}
        assert (await program.delete("/api/v1/staff/tokens/current", headers=bearer)).status_code == 204
