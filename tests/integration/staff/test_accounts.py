"""The owner keeps the accounts."""

import asyncio
from uuid import UUID

import pytest

from comanda.contexts.staff.module import build
from comanda.contexts.staff.passwords import Passwords
from comanda.contexts.staff.service import StaffDesk
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds

RESTAURANT, OTHER = UUID(int=7), UUID(int=8)
OWNER = "owner@demo.example"


@pytest.fixture
async def desk(database: Database, clock: FakeClock, ids: SeededIds) -> StaffDesk:
    """Return a desk with an owner whose password is `owner's password`."""
    desk = StaffDesk(database, clock, ids, Passwords(memory_kib=64, passes=1))
    async with database.transaction() as tx:
        password = await desk.create_first_account(tx, RESTAURANT, email=OWNER, name="Olga Owner")
    assert password is not None
    signed_in = await desk.sign_in(OWNER, password, address="a")
    await desk.change_password(signed_in.member, old=password, new="owner's password", token="")
    return desk


async def test_the_owner_makes_changes_and_disables_accounts(desk: StaffDesk) -> None:
    """A new account's password is told once; roles decide what it opens; disabled, it is out at once."""
    app = front([build(desk, secure=True)], desk)
    async with Browser(app) as owner, Browser(app) as cook:
        signed_in = {"email": OWNER, "password": "owner's password"}
        await owner.submit("/staff/sign-in", "/staff/sign-in", signed_in)
        fields = {"email": "Cook@demo.example", "name": "Carl  Cook", "role": ["kitchen"]}
        made = await owner.submit("/staff/accounts", "/staff/accounts", fields)
        password = made.text.partition('class="told">')[2].partition("<")[0]
        assert password
        again = await owner.submit("/staff/accounts", "/staff/accounts", fields)
        assert (again.status_code, "already" in again.text, "Carl  Cook" in again.text) == (422, True, True)
        nameless = await owner.submit("/staff/accounts", "/staff/accounts", {"email": "x", "name": " "})
        assert nameless.text.count('class="field-error"') == 3

        await cook.submit("/staff/sign-in", "/staff/sign-in", {"email": "cook@demo.example", "password": password})
        assert "Carl Cook" in (await cook.get("/staff")).text
        assert (await cook.get("/staff/accounts")).status_code == 403

        cook_id = next(account.id for account in await desk.accounts(RESTAURANT) if account.name == "Carl Cook")
        path = f"/staff/accounts/{cook_id}"
        await owner.submit("/staff/accounts", path, {"role": ["kitchen"], "action": "disable"})
        assert (await cook.get("/staff")).url.path == "/staff/sign-in"
        await owner.submit("/staff/accounts", path, {"role": ["kitchen"], "action": "enable"})
        told = await owner.submit("/staff/accounts", path, {"action": "reset", "email": "cook@demo.example"})
        new = told.text.partition('class="told">')[2].partition("<")[0]
        await desk.sign_in("cook@demo.example", new, address="a")


async def test_two_owners_cannot_remove_each_other_at_once(desk: StaffDesk) -> None:
    """Whatever arrives together, one owner stays."""
    await desk.create_account(RESTAURANT, email="two@demo.example", name="Two", roles=frozenset({"owner"}))
    one, two = [account.id for account in await desk.accounts(RESTAURANT)]
    outcomes = await asyncio.gather(
        desk.change_account(RESTAURANT, one, roles=frozenset({"kitchen"}), enabled=True),
        desk.change_account(RESTAURANT, two, roles=frozenset({"owner"}), enabled=False),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [refusal.code for refusal in refused] == ["last-owner"]
    assert sum(account.enabled and "owner" in account.roles for account in await desk.accounts(RESTAURANT)) == 1


async def test_an_owner_reaches_no_other_restaurants_accounts(desk: StaffDesk) -> None:
    """An account of elsewhere is not there."""
    account_id = (await desk.accounts(RESTAURANT))[0].id
    for attempt in (
        desk.reset_password(OTHER, account_id),
        desk.change_account(OTHER, account_id, roles=frozenset({"owner"}), enabled=True),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.kind == "not_found"


async def test_unknown_roles_are_refused_by_page_and_database(desk: StaffDesk, database: Database) -> None:
    """Neither a made-up role nor a plain-text password can be stored."""
    account_id = (await desk.accounts(RESTAURANT))[0].id
    with pytest.raises(Refused):
        await desk.change_account(RESTAURANT, account_id, roles=frozenset({"king"}), enabled=True)  # type: ignore[arg-type]
    for change in ("roles = '{king}'", "password_hash = 'secret'", "email = 'Upper@demo.example'"):
        with pytest.raises(Exception, match="accounts_"):
            await database.fetch(f"UPDATE staff.accounts SET {change}")
