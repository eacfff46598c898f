from datetime import timedelta

from comanda.audit import audit
from tests.integration.audit.fault import audited
from tests.integration.audit.scene import Scene


async def test_nothing_is_wrong_where_all_went_well(scene: Scene) -> None:
    """Orders that were paid, cooked, cancelled, declined and given back break no invariant, and all are looked at."""
    report = await audited(scene)
    assert report.clean, [checked for checked in report.invariants if checked.wrong]
    totals = {"orders": 7, "paid orders": 6, "charges": 6, "refunds": 2, "tickets": 6, "receipts": 6, "mails": 6}
    assert {name: report.totals[name] for name in totals} == totals
    not_looked_at = {checked.name for checked in report.invariants if not checked.checked}
    # In this scene nobody signs up for news, nobody is erased, and there is no campaign.
    elsewhere = {
        "effects.campaigns.people.CustomerErased",
        "effects.campaigns.returns.MailReturned",
        "effects.promotions.offers.CouponsOffered",
        "effects.customers.confirmations.SignupAsked",
        "effects.ordering.erasure.CustomerErased",
        "effects.kitchen.erasure.GuestErased",
        "effects.receipts.erasure.GuestErased",
    }
    assert not_looked_at - elsewhere == {"charges.webhooks-agree", "lanes.parked-are-passed", "lanes.nothing-parked"}


async def test_what_is_younger_than_the_age_may_be_on_its_way(scene: Scene) -> None:
    """An order that is not paid yet is no fault while it is young."""
    await scene.execute(
        "INSERT INTO ordering.orders SELECT (jsonb_populate_record(o, jsonb_build_object("
        "'id', gen_random_uuid(), 'copy', 2, 'number', 5000, 'status', 'placed', 'paid_at', null))).* "
        "FROM ordering.orders o WHERE note = 'plain'",
    )
    async with scene.house() as house:
        young = await audit(house, age=timedelta(hours=1))
        old = await audit(house, age=timedelta(0))
    assert "stuck.orders" not in {checked.name for checked in young.invariants if checked.wrong}
    assert "stuck.orders" in {checked.name for checked in old.invariants if checked.wrong}


async def test_nothing_is_wrong_where_old_days_of_the_log_have_gone(scene: Scene) -> None:
    """What the log no longer holds is not missed: orders are compared with it from its first day on."""
    await scene.execute("UPDATE engine.events SET at = at - interval '20 days'")
    await scene.execute(
        "UPDATE ordering.orders SET placed_at = placed_at - interval '20 days', paid_at = paid_at - interval '20 days'"
    )
    # All is drained, but the workers ended before they moved cursors over what is not for their lane.
    await scene.execute("UPDATE engine.cursors SET position = pg_snapshot_xmin(pg_current_snapshot()), id = 0")
    async with scene.house() as house:
        fates = {outcome.fate for outcome in await house.retention().apply()}
        assert fates == {"dropped"}
        assert await house.database.fetch_value("SELECT count(*) FROM engine.events") == 0
        report = await audit(house, age=timedelta(0))
    assert report.clean, [checked for checked in report.invariants if checked.wrong]
