"""The rules by which a payment and a refund move, without a database."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.payment import Payment
from comanda.contexts.payments.providers import Failed, LookUp, NotFound, Pending, Succeeded, Unknown
from comanda.contexts.payments.refund import Refund
from comanda.contexts.payments.states import (
    DISOWNED,
    PAYMENT_MOVES,
    REFUND_MOVES,
    PaymentState,
    may_move,
    may_move_refund,
    refundable,
)
from tests.fakes.clock import START

LATER = START + timedelta(seconds=30)
PAYMENT = Payment(
    id=UUID(int=1),
    order_id=UUID(int=2),
    restaurant_id=UUID(int=3),
    amount=2000,
    currency="EUR",
    method="",
    state="pending",
    provider="sandbox",
    created_at=START,
)
SENDING = PAYMENT.sending(now=START, check_at=LATER)
SUCCEEDED = Succeeded(ref="ch_1", amount=2000, currency="EUR", at=START)
CAPTURED = SENDING.after(SUCCEEDED, check_at=LATER)
FAILED = SENDING.after(Failed(reason="card_declined"), check_at=LATER)
VOID = PAYMENT.ended()
UNCERTAIN = SENDING.after(Unknown(reason="timeout"), check_at=LATER)

ANSWERS: list[LookUp] = [
    SUCCEEDED,
    Failed(reason="card_declined"),
    Pending(ref="ch_1"),
    Unknown(reason="timeout"),
    NotFound(),
]

answers = st.sampled_from(ANSWERS)


def test_every_state_has_its_row_in_the_table() -> None:
    """No state is without a rule, and no rule leads to a state that is not there."""
    for moves in (PAYMENT_MOVES, REFUND_MOVES):
        assert {state for targets in moves.values() for state in targets} <= set(moves)


def test_money_that_moved_is_the_end() -> None:
    """A captured payment goes nowhere, whatever comes."""
    for answer in (SUCCEEDED, Failed(reason="x"), Pending(ref="ch_1"), Unknown(reason="x"), NotFound()):
        assert CAPTURED.after(answer, check_at=LATER) is CAPTURED


@given(st.lists(answers, max_size=8))
def test_whatever_comes_in_whatever_order_moves_stay_in_the_table(words: list[LookUp]) -> None:
    """Each word moves the payment as the table has it, or not at all."""
    payment = SENDING
    for word in words:
        after = payment.after(word, check_at=LATER)
        assert after is payment or may_move(payment.state, after.state)
        payment = after


@given(st.lists(answers, max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_money_that_moved_is_never_lost(words: list[LookUp], when: int, ending: int) -> None:
    """Once the provider has said that the charge succeeded, the payment is captured, before and after anything else."""
    payment = SENDING
    for n, word in enumerate([*words[:when], SUCCEEDED, *words[when:]]):
        payment = payment.ended() if n == ending else payment
        payment = payment.after(word, check_at=LATER)
    assert (payment.state, payment.captured) == ("captured", 2000)


@pytest.mark.parametrize("over", [FAILED, VOID])
def test_money_of_a_payment_that_was_over_goes_back(over: Payment) -> None:
    """A charge that succeeds after we said that it had not marks its order as ended: all of it is to be refunded."""
    late = over.after(SUCCEEDED, check_at=LATER)
    assert (late.state, late.order_ended, late.refundable) == ("captured", True, 2000)


def test_a_word_about_another_amount_is_a_contradiction() -> None:
    """Another amount or currency than ours does not pay."""
    for wrong in (replace(SUCCEEDED, amount=1999), replace(SUCCEEDED, currency="USD")):
        with pytest.raises(Contradiction):
            SENDING.after(wrong, check_at=LATER)


def test_a_second_charge_is_a_contradiction() -> None:
    """The same payment charged under another reference is what must never be overlooked."""
    with pytest.raises(Contradiction):
        CAPTURED.after(replace(SUCCEEDED, ref="ch_2"), check_at=LATER)


def test_a_payment_whose_order_ended_is_void_where_no_money_moved() -> None:
    """There is nobody left to be told that it failed."""
    for answer in (Failed(reason="card_declined"), NotFound()):
        assert SENDING.ended().after(answer, check_at=LATER).state == "void"


def test_an_order_that_ended_does_not_void_what_may_have_been_charged() -> None:
    """Only the provider's word ends a charge that was sent."""
    assert SENDING.ended().state == "sending"
    assert UNCERTAIN.ended().state == "uncertain"
    assert CAPTURED.ended().state == "captured"


def test_the_first_use_of_the_key_is_kept() -> None:
    """The key's window is counted from its first use, however often the charge is sent again."""
    again = SENDING.sending(now=LATER, check_at=LATER)
    assert (again.attempts, again.first_sent_at) == (2, START)


@pytest.mark.parametrize("state", ["captured", "failed", "void"])
def test_what_is_over_is_not_sent(state: PaymentState) -> None:
    """A payment that is over cannot be sent."""
    over = {"captured": CAPTURED, "failed": FAILED, "void": VOID}[state]
    with pytest.raises(ValueError, match="does not go"):
        over.sending(now=START, check_at=LATER)


steps = st.lists(st.tuples(st.sampled_from(["reserve", "gave_back", "kept", "came_back"]), st.integers(1, 3000)))


@given(steps)
def test_refunds_never_exceed_what_was_captured(steps: list[tuple[str, int]]) -> None:
    """Whatever is reserved, given back, kept or returned: what went and is going back stays within the capture."""
    payment, going, gone = CAPTURED, list[int](), list[int]()
    for step, amount in steps:
        if step == "reserve":
            try:
                payment = payment.reserve(amount)
            except ValueError:
                assert amount > payment.refundable
            else:
                going.append(amount)
        elif step == "gave_back" and going:
            gone.append(going.pop())
            payment = payment.gave_back(gone[-1])
        elif step == "kept" and going:
            payment = payment.kept(going.pop())
        elif step == "came_back" and gone:
            payment = payment.came_back(gone.pop())
        assert (payment.refunding, payment.refunded) == (sum(going), sum(gone))
        assert 0 <= payment.refunding + payment.refunded <= payment.captured
        assert payment.refundable == refundable(
            captured=payment.captured, refunded=payment.refunded, refunding=payment.refunding
        )


@pytest.mark.parametrize("payment", [PAYMENT, SENDING, UNCERTAIN, FAILED, VOID])
def test_what_was_not_captured_is_not_refundable(payment: Payment) -> None:
    """Nothing can be given back of a payment that is not captured."""
    assert payment.refundable == 0
    with pytest.raises(ValueError, match="cannot be given back"):
        payment.reserve(1)


DUE = Refund(
    id=UUID(int=9),
    payment_id=PAYMENT.id,
    amount=500,
    cause="asked",
    state="waiting",
    reason="cold soup",
    created_at=START,
).due()
GAVE_BACK = replace(SUCCEEDED, ref="re_1", amount=500)


@given(st.lists(st.sampled_from([GAVE_BACK, *ANSWERS[1:]]), max_size=8))
def test_a_refund_moves_as_its_table_has_it(words: list[LookUp]) -> None:
    """Each word moves the refund as the table has it, or not at all; what failed never comes back to life."""
    refund = DUE.sending(now=START, check_at=LATER)
    for word in words:
        after = refund.after(word, check_at=LATER)
        assert after is refund or may_move_refund(refund.state, after.state)
        assert refund.state != "failed" or after is refund
        refund = after


def test_a_refund_that_the_provider_does_not_have_stays_owed() -> None:
    """A look-up's "no such refund" is no failure: it will be sent again."""
    assert DUE.sending(now=START, check_at=LATER).after(NotFound(), check_at=LATER).state == "uncertain"


def test_a_refund_of_another_amount_is_a_contradiction() -> None:
    """The provider gave back something else than was asked."""
    with pytest.raises(Contradiction):
        DUE.sending(now=START, check_at=LATER).after(replace(GAVE_BACK, amount=501), check_at=LATER)


def test_the_states_that_told_no_money_are_the_ones_that_can_be_wrong() -> None:
    """Exactly from the disowned states does a late capture lead out."""
    assert {state for state, targets in PAYMENT_MOVES.items() if targets == {"captured"}} == set(DISOWNED)
