"""The verdict, on a small world in which all went well and one thing is doctored at a time."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from comanda.drill.books import Books, Mail, Movement
from comanda.drill.intent import Intent
from comanda.drill.stored import Order, Payment, Receipt, Stored
from comanda.drill.verdict import NOT_CHARGED, Verdict, judge

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

World = tuple[list[Intent], Books, Stored]


def _intent(number: int, *, card: str = "", leaves: bool = False) -> Intent:
    answered = [] if leaves else [f"order-{number}"]
    return Intent(
        number=number,
        email=f"guest.{number}@example.com",
        key=f"key-{number}",
        form=b"{}",
        card=card,
        total=480,
        clicks=2,
        cuts=False,
        reloads=False,
        leaves=leaves,
        orders=answered,
        answers=2 * len(answered),
    )


def _order(number: int, *, paid: bool = True) -> Order:
    return Order(
        id=f"order-{number}",
        number=1000 + number,
        key=f"key-{number}",
        email=f"guest.{number}@example.com",
        total=480,
        status="paid" if paid else "payment_failed",
        paid=paid,
        tickets=int(paid),
    )


def _payment(number: int, *, state: str = "captured", reason: str = "") -> Payment:
    return Payment(id=f"payment-{number}", order_id=f"order-{number}", amount=480, state=state, reason=reason)


def _charge(number: int, *, name: str = "ch", state: str = "succeeded", amount: int = 480) -> Movement:
    return Movement(
        id=f"{name}-{number}",
        kind="charge",
        subject=f"payment-{number}",
        charge=None,
        amount=amount,
        state=state,
        reason="",
        refunded=0,
        at=NOON,
    )


def _mail(number: int, *, at: int = 0) -> Mail:
    return Mail(
        id=10 * number + at, message_id=f"<receipt-{number}@x>", recipients=(f"guest.{number}@example.com",), at=NOON
    )


def _receipt(number: int, *, state: str = "sent", doubtful: int = 0) -> Receipt:
    return Receipt(order_id=f"order-{number}", message_id=f"<receipt-{number}@x>", state=state, doubtful=doubtful)


def _world() -> World:
    """One paid order, one whose card was declined, one of a guest who left and one that a guest who left never made."""
    intents = [
        _intent(1),
        _intent(2, card="pm_card_visa_chargeDeclined"),
        _intent(3, leaves=True),
        _intent(4, leaves=True),
    ]
    books = Books(
        movements=(_charge(1), _charge(2, state="failed"), _charge(3)),
        mails=(_mail(1), _mail(3)),
    )
    stored = Stored(
        orders=(_order(1), _order(2, paid=False), _order(3)),
        payments=(_payment(1), _payment(2, state="failed", reason="card_declined"), _payment(3)),
        refunds=(),
        receipts=(_receipt(1), _receipt(3)),
    )
    return intents, books, stored


def _fates(verdict: Verdict) -> list[str]:
    return sorted({finding.fate for finding in verdict.findings})


def test_a_world_in_which_all_went_well_has_no_findings() -> None:
    """What is there once is there once; a guest who left may have an order or none."""
    verdict = judge(*_world())
    assert (verdict.findings, verdict.good) == ((), True)
    counts = verdict.counts
    assert (counts.intents, counts.left, counts.answered, counts.answers) == (4, 2, 2, 4)
    assert (counts.stored, counts.unanswered, counts.paid, counts.declined) == (3, 1, 2, 1)
    assert (counts.charges, counts.tickets, counts.mails, counts.given_up) == (2, 2, 2, 0)


def _lose_order(world: World) -> World:
    intents, books, stored = world
    return intents, books, replace(stored, orders=stored.orders[1:])


def _never_answer(world: World) -> World:
    intents, books, stored = world
    return [replace(intents[0], orders=[], answers=0), *intents[1:]], books, stored


def _answer_with_two(world: World) -> World:
    intents, books, stored = world
    return [replace(intents[0], orders=["order-1", "order-3"]), *intents[1:]], books, stored


def _refuse(world: World) -> World:
    intents, books, stored = world
    return [replace(intents[0], refused=["500: oh"]), *intents[1:]], books, stored


def _order_twice(world: World) -> World:
    intents, books, stored = world
    twin = replace(_order(1), id="order-9", number=1009, paid=False, tickets=0)
    payment = replace(_payment(1, state="failed", reason=NOT_CHARGED), id="payment-9", order_id="order-9")
    return intents, books, replace(stored, orders=(*stored.orders, twin), payments=(*stored.payments, payment))


def _charge_twice(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, movements=(*books.movements, _charge(1, name="again"))), stored


def _charge_more(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, movements=(_charge(1, amount=481), *books.movements[1:])), stored


def _lose_charge(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, movements=books.movements[1:]), stored


def _charge_a_stranger(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, movements=(*books.movements, _charge(77))), stored


def _fail_a_good_card(world: World) -> World:
    intents, books, stored = world
    failed = replace(_order(1), paid=False, status="payment_failed", tickets=0)
    return (
        intents,
        Books(movements=books.movements[1:], mails=books.mails[1:]),
        replace(
            stored,
            orders=(failed, *stored.orders[1:]),
            payments=(_payment(1, state="failed", reason="oh"), *stored.payments[1:]),
            receipts=stored.receipts[1:],
        ),
    )


def _ticket(count: int) -> Callable[[World], World]:
    def doctor(world: World) -> World:
        intents, books, stored = world
        return intents, books, replace(stored, orders=(replace(_order(1), tickets=count), *stored.orders[1:]))

    return doctor


def _mail_twice(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, mails=(*books.mails, _mail(1, at=1))), stored


def _lose_mail(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, mails=books.mails[1:]), stored


def _mail_a_stranger(world: World) -> World:
    intents, books, stored = world
    return intents, replace(books, mails=(*books.mails, _mail(77))), stored


def _mail_twice_in_doubt(world: World) -> World:
    intents, books, stored = _mail_twice(world)
    return intents, books, replace(stored, receipts=(_receipt(1, doubtful=1), *stored.receipts[1:]))


def _leave_payment_open(world: World) -> World:
    intents, books, stored = world
    waiting = replace(_order(1), paid=False, status="placed", tickets=0)
    return (
        intents,
        replace(books, mails=books.mails[1:]),
        replace(
            stored,
            orders=(waiting, *stored.orders[1:]),
            payments=(_payment(1, state="uncertain"), *stored.payments[1:]),
            receipts=stored.receipts[1:],
        ),
    )


@pytest.mark.parametrize(
    ("doctor", "fates"),
    [
        (_lose_order, ["lost", "wrong"]),
        (_never_answer, ["lost"]),
        (_answer_with_two, ["doubled", "lost"]),
        (_refuse, ["wrong"]),
        (_order_twice, ["doubled", "wrong"]),
        (_charge_twice, ["doubled"]),
        (_charge_more, ["wrong"]),
        (_lose_charge, ["lost"]),
        (_charge_a_stranger, ["wrong"]),
        (_fail_a_good_card, ["lost"]),
        (_ticket(0), ["lost"]),
        (_ticket(2), ["doubled"]),
        (_mail_twice, ["doubled"]),
        (_lose_mail, ["lost"]),
        (_mail_a_stranger, ["wrong"]),
        (_mail_twice_in_doubt, ["uncertain"]),
        (_leave_payment_open, ["uncertain"]),
    ],
)
def test_one_doctored_thing_turns_the_verdict(doctor: Callable[[World], World], fates: list[str]) -> None:
    """Each way of losing or doubling is found, and told about the right intent; doubt is stated and is no fault."""
    verdict = judge(*doctor(_world()))
    assert _fates(verdict) == fates
    assert verdict.good is (fates == ["uncertain"])


def test_what_could_not_be_charged_in_time_is_counted_and_no_fault() -> None:
    """The provider was away for too long: nobody was charged, nothing is cooked, and the guest was told."""
    intents, books, stored = _fail_a_good_card(_world())
    failed = _payment(1, state="failed", reason=NOT_CHARGED)
    verdict = judge(intents, books, replace(stored, payments=(failed, *stored.payments[1:])))
    assert (verdict.good, verdict.counts.given_up) == (True, 1)
