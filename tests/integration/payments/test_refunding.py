"""Money goes back once, never more than was captured, and always when the order has ended."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from comanda.contexts.payments.sandbox.wire import Faults
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.events import Event
from tests.fakes.sandbox_process import SandboxProcess
from tests.integration.payments.house import CATALOGUE, House
from tests.integration.payments.ledgers import entries, money


async def test_an_order_that_ended_gets_all_its_money_back(house: House, provider: SandboxProvider) -> None:
    """A cancelled order's payment is refunded in full, once, also when the event comes twice."""
    order = house.placed()
    await house.emit(order, house.ended(order.order_id), house.ended(order.order_id))
    await house.drain("payments.charge")
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["captured"], payment["refunded"], payment["refunding"]) == (2000, 2000, 0)
    assert await house.facts(order.order_id) == ["PaymentCaptured", "RefundDue", "PaymentRefunded"]
    (refund,) = await house.refund_rows(order.order_id)
    assert await money(provider, refund["id"]) == [2000]


async def test_an_order_that_ended_before_its_charge_is_never_charged(house: House, provider: SandboxProvider) -> None:
    """The refund's lane may be ahead of the charge's: what it writes keeps the charge from being sent."""
    order = house.placed()
    await house.emit(order, house.ended(order.order_id))
    await house.drain("payments.refunds_due")
    await house.drain()
    payment = await house.payment(order.order_id)
    assert payment["state"] == "void"
    assert await house.facts(order.order_id) == []
    assert await entries(provider, payment["id"]) == []


async def test_an_order_that_ended_while_its_charge_was_unknown_is_refunded_when_it_is_known(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """Nothing is guessed: the charge is looked up first, and what it took goes back."""
    await sandbox.misbehave(Faults(timeout_after_charging="always"))
    order = house.placed()
    await house.handle(house.consumers[0], order, tries=1)
    await house.emit(house.ended(order.order_id))
    await house.drain()
    assert (await house.payment(order.order_id))["state"] == "sending"
    # The charge's event comes again; the order has ended, so nothing is sent any more.
    await house.handle(house.consumers[0], order)
    assert (await house.payment(order.order_id))["state"] == "uncertain"
    await sandbox.misbehave()
    await house.reconcile()
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["state"], payment["refunded"]) == ("captured", 2000)
    assert await money(provider, payment["id"]) == [2000]
    assert await house.facts(order.order_id) == ["PaymentCaptured", "RefundDue", "PaymentRefunded"]


async def test_an_order_that_ended_and_was_not_charged_is_void(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """The look-up finds no charge of the ended order: none will be made, and there is nobody to tell."""
    await sandbox.misbehave(Faults(down=True))
    order = house.placed()
    await house.emit(order)
    await house.drain("payments.charge")
    await house.emit(house.ended(order.order_id))
    await house.drain()
    await sandbox.misbehave()
    await house.reconcile(after_s=60)
    payment = await house.payment(order.order_id)
    assert payment["state"] == "void"
    assert await house.facts(order.order_id) == []
    assert await money(provider, payment["id"]) == []


async def test_refunds_that_staff_ask_for_stay_within_what_was_captured(
    house: House, provider: SandboxProvider
) -> None:
    """Two fit, the third does not: it fails, is told, and no money moves for it."""
    order = house.placed(total=1000)
    asked = [house.refund(order.order_id, amount) for amount in (600, 300, 200)]
    await house.emit(order)
    await house.drain()
    await house.emit(*asked)
    await house.drain()
    payment = await house.payment(order.order_id)
    assert (payment["refunded"], payment["refunding"]) == (900, 0)
    assert (await house.facts(order.order_id)).count("PaymentRefunded") == 2
    assert (await house.facts(order.order_id)).count("RefundFailed") == 1
    assert await money(provider, *(event.refund_id for event in asked)) == [600, 300]


async def test_the_rest_goes_back_when_the_order_ends_after_a_partial_refund(
    house: House, provider: SandboxProvider
) -> None:
    """What staff gave back already is not given back again."""
    order = house.placed(total=1000)
    part = house.refund(order.order_id, 300)
    await house.emit(order, part)
    await house.drain()
    await house.emit(house.ended(order.order_id))
    await house.drain()
    assert (await house.payment(order.order_id))["refunded"] == 1000
    refunds = await house.refund_rows(order.order_id)
    assert sorted(await money(provider, *(refund["id"] for refund in refunds))) == [300, 700]


async def test_a_refund_asked_for_before_the_payment_is_known_waits(house: House, sandbox: SandboxProcess) -> None:
    """It is written down, and goes out with the capture."""
    await sandbox.misbehave(Faults(timeout_after_charging="first"))
    order = house.placed(total=1000)
    await house.handle(house.consumers[0], order, tries=1)
    await house.emit(house.refund(order.order_id, 400))
    await house.drain()
    assert [refund["state"] for refund in await house.refund_rows(order.order_id)] == ["waiting"]
    await sandbox.misbehave()
    await house.handle(house.consumers[0], order)
    await house.drain()
    assert (await house.payment(order.order_id))["refunded"] == 400


async def test_a_refund_of_a_failed_payment_fails_without_a_call(house: House) -> None:
    """There is nothing to give back."""
    order = house.placed(method="4000000000000002")
    await house.emit(order, house.refund(order.order_id, 400))
    await house.drain("payments.charge")
    await house.drain()
    (refund,) = await house.refund_rows(order.order_id)
    assert (refund["state"], refund["failure"], refund["attempts"]) == ("failed", "nothing_was_charged", 0)


async def test_many_refunds_at_once_stay_within_what_was_captured(house: House) -> None:
    """Twenty refunds of a tenth each, handled at the same time: ten are set aside."""
    order = house.placed(total=1000)
    await house.emit(order)
    await house.drain()
    asked = [house.refund(order.order_id, 100) for _ in range(20)]
    await asyncio.gather(*(house.handle(house.consumers[1], event) for event in asked))
    payment = await house.payment(order.order_id)
    assert payment["refunding"] == 1000
    await house.drain("payments.refund")
    assert (await house.payment(order.order_id))["refunded"] == 1000


async def test_a_timeout_after_refunding_refunds_once(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """The retry with the same key finds the refund that was made."""
    order = house.placed()
    await house.emit(order)
    await house.drain()
    await sandbox.misbehave(Faults(timeout_after_charging="first"))
    asked = house.refund(order.order_id, 500)
    await house.emit(asked)
    await house.drain()
    (refund,) = await house.refund_rows(order.order_id)
    assert (refund["state"], refund["attempts"]) == ("succeeded", 2)
    assert await money(provider, asked.refund_id) == [500]


async def test_past_the_key_window_a_refund_is_looked_up_before_it_is_sent(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider
) -> None:
    """The provider has forgotten the key of a refund whose answer was lost: it is found, not made again."""
    order = house.placed()
    await house.emit(order)
    await house.drain()
    await sandbox.misbehave(Faults(timeout_after_charging="first", key_window_s=0.0))
    await house.emit(asked := house.refund(order.order_id, 500))
    await house.drain(tries=1)
    house.clock.advance(provider.key_window_s)
    await house.handle(house.consumers[2], await _due(house, asked.refund_id))
    assert (await house.payment(order.order_id))["refunded"] == 500
    assert await money(provider, asked.refund_id) == [500]


async def _due(house: House, refund_id: UUID) -> Event:
    row = await house.database.fetch_row(
        "SELECT payload FROM engine.events WHERE name = 'payments.RefundDue' AND payload->>'refund_id' = $1",
        str(refund_id),
    )
    assert row is not None
    return CATALOGUE.decode("payments.RefundDue", 1, row["payload"])


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ("refunded = 2001", "payments_refunds_within_captured"),
        ("refunding = 1, refunded = 2000", "payments_refunds_within_captured"),
        ("captured = 1", "payments_captured_whole_or_not"),
        ("state = 'failed'", "payments_captured_"),
        ("amount = -1, captured = -1", "payments_"),
    ],
)
async def test_the_database_itself_refuses_wrong_money(house: House, broken: str, constraint: str) -> None:
    """The constraints hold without Python."""
    order = house.placed()
    await house.emit(order)
    await house.drain()
    with pytest.raises(asyncpg.CheckViolationError, match=constraint):
        await house.database.fetch(f"UPDATE payments.payments SET {broken} WHERE order_id = $1", order.order_id)


async def test_an_order_has_one_payment_by_constraint(house: House) -> None:
    """A second payment for an order, or a second payment with a charge, cannot be written."""
    first, second = house.placed(), house.placed()
    await house.emit(first, second)
    await house.drain()
    for column in ("order_id", "provider_ref"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await house.database.fetch(
                f"UPDATE payments.payments SET {column} = (SELECT {column} FROM payments.payments WHERE order_id = $1) "
                "WHERE order_id = $2",
                first.order_id,
                second.order_id,
            )
