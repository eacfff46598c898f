"""Webhooks take effect once, in any order, however often they come, and only when the provider has signed them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import aiohttp
import msgspec
import pytest

from comanda.contexts.payments.charging import ChargeWork
from comanda.contexts.payments.sandbox import signature
from comanda.contexts.payments.sandbox.wire import Faults, Movement, Notice, State
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.clock import SystemClock
from comanda.engine.ids import RandomIds
from comanda.engine.tracing import continued
from tests.fakes.sandbox_process import WEBHOOK_SECRET, SandboxProcess
from tests.integration.payments.door import door
from tests.integration.payments.house import House
from tests.integration.payments.ledgers import money


@pytest.fixture
async def address(house: House) -> AsyncIterator[str]:
    """Where webhooks arrive."""
    async with door(house) as address:
        yield address


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until an awaitable condition holds: what happens is another process's doing, and gives no signal."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - as told
            await asyncio.sleep(0.02)


async def effects(house: House) -> list[str]:
    """Return what came of each webhook about a payment of this test; the sandbox still tells of earlier ones."""
    rows = await house.database.fetch(
        "SELECT effect FROM payments.webhooks_received WHERE subject IN (SELECT id FROM payments.payments)"
    )
    return [row["effect"] for row in rows]


def notice(work: ChargeWork, state: State, *, amount: int = 2000) -> bytes:
    """Return the body of a webhook about a charge, as the sandbox would write it."""
    movement = Movement(
        seq=1,
        id=f"ch_{work.payment_id.hex}",
        kind="charge",
        subject=str(work.payment_id),
        charge=None,
        amount=amount,
        currency="EUR",
        method="",
        state=state,
        reason="card_declined" if state == "failed" else "",
        refunded=0,
        at=1_750_000_000.0,
    )
    event_id = f"evt_{RandomIds().new().hex}"
    return msgspec.json.encode(Notice(id=event_id, type=f"charge.{state}", at=1.0, movement=movement))


async def send(address: str, body: bytes, *, secret: str = WEBHOOK_SECRET, age_s: float = 0.0) -> tuple[int, str]:
    """Send a webhook; return the status and the effect."""
    now_s = SystemClock().now().timestamp()
    headers = {signature.HEADER: signature.sign(secret, body, now_s=now_s - age_s), "content-type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}sandbox", data=body, headers=headers) as answer,
    ):
        return answer.status, (await answer.json()).get("effect", "")


async def test_a_webhook_tells_what_no_answer_told(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider, address: str
) -> None:
    """The charge's answer never came; the webhook captures the payment, and the lane finds that done."""
    await sandbox.misbehave(Faults(timeout_after_charging="always"))
    await sandbox.send_webhooks_to(f"{address}sandbox")
    order = house.placed()
    await house.handle(house.consumers[0], order, tries=1)
    await until(lambda: _state_is(house, order.order_id, "captured"))
    await house.handle(house.consumers[0], order)
    payment = await house.payment(order.order_id)
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, payment["id"]) == [2000]


async def _state_is(house: House, order_id: UUID, state: str) -> bool:
    return bool((await house.payment(order_id))["state"] == state)


async def test_webhooks_twice_and_out_of_order_take_effect_once(
    house: House, sandbox: SandboxProcess, provider: SandboxProvider, address: str
) -> None:
    """Pending and succeeded come newest first and twice each: captured once, never back to uncertain."""
    await sandbox.misbehave(Faults(webhooks_held=True))
    await sandbox.send_webhooks_to(f"{address}sandbox")
    orders = [house.placed(method="pm_sandbox_later") for _ in range(5)]
    await house.emit(*orders)
    await house.drain()
    works = [(await house.payment(order.order_id))["id"] for order in orders]
    await until(lambda: _all_settled(provider, works))
    await sandbox.misbehave(Faults(webhooks_twice=True, webhooks_out_of_order=True))
    await until(lambda: _received(house, 10))
    assert {(await house.payment(order.order_id))["state"] for order in orders} == {"captured"}
    for order in orders:
        assert await house.facts(order.order_id) == ["PaymentCaptured"]
    # Twenty deliveries, ten events; a pending that overtook its succeeded found something to say, the others did not.
    told = await effects(house)
    assert (len(told), told.count("moved") >= 5, set(told) <= {"moved", "nothing"}) == (10, True, True)


async def _all_settled(provider: SandboxProvider, payment_ids: list[UUID]) -> bool:
    return len(await money(provider, *payment_ids)) == len(payment_ids)


async def _received(house: House, count: int) -> bool:
    return len(await effects(house)) >= count


async def test_a_pending_charge_that_is_declined_later_fails(
    house: House, sandbox: SandboxProcess, address: str
) -> None:
    """What was pending is uncertain until the webhook tells how it ended."""
    order = house.placed(method="pm_sandbox_later_declined")
    await house.emit(order)
    await house.drain()
    assert (await house.payment(order.order_id))["state"] == "uncertain"
    await sandbox.send_webhooks_to(f"{address}sandbox")
    await until(lambda: _state_is(house, order.order_id, "failed"))
    assert await house.facts(order.order_id) == ["PaymentFailed"]


async def test_a_refund_that_comes_back_is_not_counted_as_given(
    house: House, sandbox: SandboxProcess, address: str
) -> None:
    """The guest's bank returned the refund days later: it has failed, and the money is ours to give again."""
    await sandbox.send_webhooks_to(f"{address}sandbox")
    order = house.placed(method="pm_card_refundFail")
    await house.emit(order, house.ended(order.order_id))
    await house.drain("payments.charge")
    await house.drain()
    await until(lambda: _has_fact(house, order.order_id, "RefundFailed"))
    payment = await house.payment(order.order_id)
    assert (payment["captured"], payment["refunded"], payment["refunding"]) == (2000, 0, 0)
    assert (await house.facts(order.order_id))[-2:] == ["PaymentRefunded", "RefundFailed"]


async def _has_fact(house: House, order_id: UUID, fact: str) -> bool:
    return fact in await house.facts(order_id)


async def test_the_same_event_sixteen_times_at_once_takes_effect_once(house: House, address: str) -> None:
    """Its id is written in the transaction of its effect; all sixteen are answered 200."""
    order = house.placed()
    body = notice(await house.claim(order), "succeeded")
    answers = await asyncio.gather(*(send(address, body) for _ in range(16)))
    assert sorted(answers) == [(200, "moved")] + [(200, "seen")] * 15
    assert await house.facts(order.order_id) == ["PaymentCaptured"]


async def test_two_words_about_one_charge_move_it_once(house: House, address: str) -> None:
    """Different events that say the same: the second changes nothing."""
    order = house.placed()
    work = await house.claim(order)
    effects = [(await send(address, notice(work, "succeeded")))[1] for _ in range(2)]
    effects.append((await send(address, notice(work, "pending")))[1])
    assert effects == ["moved", "nothing", "nothing"]
    assert await house.facts(order.order_id) == ["PaymentCaptured"]


async def test_another_amount_is_a_contradiction_and_pays_nothing(house: House, address: str) -> None:
    """A charge of another amount does not make the payment paid; it stands in the table for the audit."""
    order = house.placed()
    work = await house.claim(order)
    assert await send(address, notice(work, "succeeded", amount=1)) == (200, "contradiction")
    assert (await house.payment(order.order_id))["state"] == "sending"
    assert await effects(house) == ["contradiction"]


@pytest.mark.parametrize("fault", ["wrong secret", "old", "changed", "unsigned"])
async def test_what_is_not_signed_by_the_provider_is_refused(house: House, address: str, fault: str) -> None:
    """400, and nothing is stored."""
    order = house.placed()
    body = notice(await house.claim(order), "succeeded")
    if fault in {"wrong secret", "old"}:
        status, _ = await send(
            address, body, secret="x" if fault == "wrong secret" else WEBHOOK_SECRET, age_s=3600 * (fault == "old")
        )
    else:
        signed = signature.sign(WEBHOOK_SECRET, body, now_s=SystemClock().now().timestamp())
        headers = {signature.HEADER: signed} if fault == "changed" else {}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{address}sandbox", data=body + b" ", headers=headers) as answer,
        ):
            status = answer.status
            assert (await answer.json())["type"] == "/problems/bad-signature"
    assert status == 400
    assert await effects(house) == []
    assert (await house.payment(order.order_id))["state"] == "sending"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("nobody", b"{}", 404), ("sandbox", b"x" * 300_000, 413), ("sandbox", b"\xff\x00", 400)],
)
async def test_nonsense_gets_a_problem(address: str, path: str, body: bytes, status: int) -> None:
    """Another provider's name, a body too large and bytes that mean nothing are answered with a 4xx problem."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}{path}", data=body) as answer,
    ):
        assert answer.status == status
        assert answer.content_type == "application/problem+json"


async def test_someone_elses_charge_is_no_error(house: House, address: str) -> None:
    """A charge that was made at the provider without us, and one of a payment that we do not have."""
    order = house.placed()
    work = await house.claim(order)
    stranger = notice(work, "succeeded").replace(str(work.payment_id).encode(), b"gift-card-7")
    assert await send(address, stranger) == (200, "not_ours")
    lost = notice(work, "succeeded").replace(str(work.payment_id).encode(), str(RandomIds().new()).encode())
    assert await send(address, lost) == (200, "unknown_subject")
    assert (await house.payment(order.order_id))["state"] == "sending"


async def test_what_a_webhook_tells_belongs_to_the_trace_of_the_charge(house: House, address: str) -> None:
    """The provider brings no trace of ours; the payment has kept in which it was asked for."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    order = house.placed()
    with continued(trace):
        work = await house.claim(order)
    assert await send(address, notice(work, "succeeded")) == (200, "moved")
    rows = await house.database.fetch("SELECT name, trace FROM engine.events WHERE key = $1", str(order.order_id))
    assert [(row["name"], row["trace"]) for row in rows] == [("payments.PaymentCaptured", trace)]
