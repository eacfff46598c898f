"""An order is charged once, whatever the provider and the network do."""

import asyncio

import pytest

from comanda.contexts.payments.providers import Failed, Succeeded
from comanda.contexts.payments.sandbox.wire import Faults
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.errors import SlowDown
from tests.fakes.sandbox_process import SandboxProcess
from tests.integration.payments.house import House
from tests.integration.payments.ledgers import entries, money


async def test_an_order_placed_is_charged(house: House) -> None:
    """An order's total is charged under the payment's id, and the fact is told once."""
    order = house.placed(total=2350)
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["captured"], payment["currency"]) == ("captured", 2350, "EUR")
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(house.provider, payment["id"]) == [2350]  # type: ignore[arg-type]


async def test_a_redelivered_order_is_not_charged_again(house: House, provider: SandboxProvider) -> None:
    """The same event a second and third time changes nothing."""
    order = house.placed()
    for _ in range(3):
        await house.handle(house.consumers[0], order)
    payment = await house.payment(order.order_id)
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def test_the_same_order_claimed_at_once_by_two_is_charged_once(house: House, provider: SandboxProvider) -> None:
    """Two workers with the same event make one payment and one charge."""
    order = house.placed()
    await asyncio.gather(*(house.handle(house.consumers[0], order) for _ in range(8)))
    payment = await house.payment(order.order_id)
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def test_a_worker_killed_after_its_call_leaves_one_charge(house: House, provider: SandboxProvider) -> None:
    """A charge that was made and never concluded is found by its key when the event is handled again."""
    order = house.placed()
    work = await house.claim(order)
    await house.charging.perform(work)
    await house.handle(house.consumers[0], order)
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["attempts"]) == ("captured", 2)
    assert await money(provider, payment["id"]) == [2000]


async def test_an_order_that_costs_nothing_is_captured_without_a_call(house: House, provider: SandboxProvider) -> None:
    """A total of zero is paid at once; the provider hears nothing."""
    order = house.placed(total=0)
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["captured"], payment["attempts"]) == ("captured", 0, 0)
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await entries(provider, payment["id"]) == []


async def test_a_declined_card_fails_for_good(house: House, provider: SandboxProvider) -> None:
    """A decline is told once with its reason, and nothing is charged."""
    order = house.placed(method="4000 0000 0000 9995")
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["reason"], payment["captured"]) == ("failed", "insufficient_funds", 0)
    assert await house.facts(order.order_id) == ["PaymentFailed"]
    assert await money(provider, payment["id"]) == []


async def test_a_timeout_after_charging_charges_once(house: House, provider: SandboxProvider) -> None:
    """The provider charges and its answer never comes: the retry with the same key finds that charge."""
    order = house.placed(method="pm_sandbox_timeout_once")
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["attempts"]) == ("captured", 2)
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def test_a_charge_call_that_is_never_answered_is_found_by_a_look_up(
    house: House, provider: SandboxProvider
) -> None:
    """Where every charge call times out, a look-up tells after the second."""
    order = house.placed(method="pm_sandbox_timeout_always")
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["attempts"]) == ("captured", 2)
    assert await money(provider, payment["id"]) == [2000]


async def test_a_provider_that_is_down_leaves_the_payment_uncertain_until_it_is_back(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """The tries used up, the payment is uncertain and nothing is told; reconciliation charges it once it can."""
    await sandbox.misbehave(Faults(down=True))
    order = house.placed()
    await house.emit(order)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["attempts"]) == ("uncertain", house.policy.tries)
    assert await house.facts(order.order_id) == []
    await house.reconcile(after_s=60)
    assert (await house.payment(order.order_id))["state"] == "uncertain"
    await sandbox.misbehave()
    await house.reconcile(after_s=60)
    assert (await house.payment(order.order_id))["state"] == "captured"
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def test_a_look_up_is_not_made_too_soon(house: House, sandbox: SandboxProcess) -> None:
    """So soon after a call, "no such charge" could be wrong; reconciliation waits for the quiet."""
    await sandbox.misbehave(Faults(down=True))
    order = house.placed()
    await house.emit(order)
    await house.drain()
    await sandbox.misbehave()
    await house.reconcile(after_s=house.policy.quiet_s - 1)
    assert (await house.payment(order.order_id))["state"] == "uncertain"


async def test_past_the_key_window_a_look_up_finds_the_charge_and_nothing_is_charged_again(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """The provider has forgotten the key: the same call would charge again, so it is not made."""
    provider.key_window_s = 60.0
    await sandbox.misbehave(Faults(timeout_after_charging="first", key_window_s=0.0))
    order = house.placed()
    await house.handle(house.consumers[0], order, tries=1)
    house.clock.advance(61)
    await house.handle(house.consumers[0], order)
    payment = await house.payment(order.order_id)
    assert payment["state"] == "uncertain"
    await house.reconcile()
    payment = await house.payment(order.order_id)
    assert payment["state"] == "captured"
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def test_the_fault_that_the_key_window_guard_keeps_out(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """Without the guard there are two charges, for the sandbox does forget keys: the test above can fail."""
    await sandbox.misbehave(Faults(key_window_s=0.0))
    work = await house.claim(house.placed())
    for _ in range(2):
        assert isinstance(await provider.charge(work.request), Succeeded)
    assert await money(provider, work.payment_id) == [2000, 2000]


async def test_a_worker_that_wakes_up_after_the_key_window_does_not_call(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """A worker paused between its claim and its call finds the key too old and leaves it to a look-up."""
    await sandbox.misbehave(Faults(key_window_s=0.0))
    order = house.placed()
    work = await house.claim(order)
    await house.charging.perform(work)
    house.clock.advance(house.policy.give_up_s)
    await house.conclude(work, await house.charging.perform(work))
    assert (await house.payment(order.order_id))["state"] == "uncertain"
    assert await money(provider, work.payment_id) == [2000]


async def test_what_was_never_charged_in_time_fails(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """Nobody pays tomorrow for today's lunch: past the time, and with no charge at the provider, it has failed."""
    await sandbox.misbehave(Faults(down=True))
    order = house.placed()
    await house.emit(order)
    await house.drain()
    await sandbox.misbehave()
    await house.reconcile(after_s=house.policy.give_up_s)
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["reason"]) == ("failed", "not_charged_in_time")
    assert await house.facts(order.order_id) == ["PaymentFailed"]
    assert await money(provider, payment["id"]) == []


async def test_webhook_and_answer_at_the_same_time_move_it_once(house: House) -> None:
    """Whoever brings the provider's word first moves the payment; the others find nothing to do."""
    order = house.placed()
    work = await house.claim(order)
    outcome = await house.charging.perform(work)
    await asyncio.gather(*(house.conclude(work, outcome) for _ in range(8)))
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert (await house.payment(order.order_id))["version"] == 2


async def test_money_that_moved_after_all_is_given_back(house: House, provider: SandboxProvider) -> None:
    """A payment that was said to have failed, and did not, is never kept: its money goes back."""
    order = house.placed()
    work = await house.claim(order)
    moved = await house.charging.perform(work)
    await house.conclude(work, Failed(reason="card_declined"))
    await house.conclude(work, moved)
    await house.drain("payments.refund")
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["refunded"]) == ("captured", 2000)
    assert await house.facts(order.order_id) == ["PaymentFailed", "RefundDue", "PaymentRefunded"]
    (refund,) = await house.refund_rows(order.order_id)
    assert await money(provider, refund["id"]) == [2000]


async def test_a_contradiction_holds_up_nobody_else(house: House, sandbox: SandboxProcess) -> None:
    """A payment that the provider charged another amount for stays open for a person; its neighbour is resolved."""
    await sandbox.misbehave(Faults(timeout_after_charging="always"))
    orders = [house.placed(), house.placed()]
    for order in orders:
        await house.handle(house.consumers[0], order, tries=1)
    await house.database.fetch(
        "UPDATE payments.payments SET amount = 1999, check_at = check_at - interval '1 s' WHERE order_id = $1",
        orders[0].order_id,
    )
    await sandbox.misbehave()
    await house.reconcile()
    assert [(await house.payment(order.order_id))["state"] for order in orders] == ["sending", "captured"]


async def test_a_batch_is_claimed_and_concluded_as_its_orders_would_be_alone(
    house: House, provider: SandboxProvider
) -> None:
    """New, free, declined, known and ended orders in one batch: each comes out as it does by itself."""
    known, ended = house.placed(), house.placed()
    await house.handle(house.consumers[0], known)
    await house.emit(house.ended(ended.order_id))
    await house.drain("payments.refunds_due")
    asked = house.placed(total=900)
    orders = [house.placed(), house.placed(total=0), house.placed(method="4000000000000002"), known, ended, asked]
    works = await house.database.run(lambda tx: house.charging.claim_all(tx, orders))
    assert [work is not None for work in works] == [True, False, True, False, False, True]
    await house.emit(house.refund(asked.order_id, 100))
    await house.drain("payments.refunds_due")
    done = [(work, await house.charging.perform(work)) for work in works if work is not None]
    for _ in range(2):
        await house.database.run(lambda tx: house.charging.conclude_all(tx, done))
    states = [(await house.payment(order.order_id))["state"] for order in orders]
    assert states == ["captured", "captured", "failed", "captured", "void", "captured"]
    facts = [await house.facts(order.order_id) for order in orders]
    assert facts == [
        ["PaymentCaptured"],
        ["PaymentCaptured"],
        ["PaymentFailed"],
        ["PaymentCaptured"],
        [],
        ["PaymentCaptured", "RefundDue"],
    ]
    payments = [(await house.payment(order.order_id))["id"] for order in orders]
    assert sorted(await money(provider, *payments)) == [900, 2000, 2000]


async def test_a_provider_that_says_slow_down_is_asked_again_when_it_said_and_the_rate_is_lowered(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """A 429 is no answer about the money: the same charge is sent again, after `Retry-After`, by a slower lane."""
    await sandbox.misbehave(Faults(too_often=True))
    order = house.placed()
    work = await house.claim(order)
    with pytest.raises(SlowDown) as told:
        await house.charging.perform(work)
    assert told.value.after_s == 1.0
    await sandbox.misbehave()
    again = await house.claim(order)
    outcome = await house.charging.perform(again)
    assert isinstance(outcome, Succeeded)
    assert await money(provider, again.payment_id) == [2000]
