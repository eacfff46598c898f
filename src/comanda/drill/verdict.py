"""The verdict: what guests were answered, laid beside the provider's ledger, the mail server's log and what is stored.

Pure. *Lost* is what a guest was told, or has paid for, and which is not there; *doubled* is what is there more than
once; *wrong* is what should be neither and is something else. *Uncertain* is what nobody can know, and says so: a
payment that is still open, a mail that was sent again in doubt. It is counted and shown, and is no fault.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

import msgspec

from comanda.drill.books import Books, Mail, Movement
from comanda.drill.intent import Intent
from comanda.drill.stored import Order, Payment, Receipt, Refund, Stored

Fate = Literal["lost", "doubled", "wrong", "uncertain"]

Row = TypeVar("Row", Payment, Refund, Receipt)

OPEN = frozenset({"pending", "sending", "uncertain"})

NOT_CHARGED = "not_charged_in_time"
"""A payment's reason for having failed with a card that succeeds: it could not be sent while that made sense."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it must be, or that nobody can know.

    Attributes:
        fate: what is the matter.
        message: for people.
        intent: the number of the intent it is about; None where it is nobody's.
        order: the order's id; empty where there is none.
    """

    fate: Fate
    message: str
    intent: int | None = None
    order: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted.

    Attributes:
        intents: what guests wanted; `left` of them were left behind with a broken connection and never asked for again.
        answered: intents that got a 201; `answers` are all 201s.
        stored: orders in the database; `unanswered` of them belong to guests who left.
        paid: of them.
        charges: successful ones in the provider's ledger, less those that went back whole.
        declined: orders whose card was declined, and `given_up` those that could not be charged in time.
        tickets: in the kitchen.
        mails: receipts in the mail server's log.
    """

    intents: int
    left: int
    answered: int
    answers: int
    stored: int
    unanswered: int
    paid: int
    charges: int
    declined: int
    given_up: int
    tickets: int
    mails: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The counts, and what is to be said of single orders."""

    counts: Counts
    findings: tuple[Finding, ...]

    def count(self, fate: Fate) -> int:
        """Return how many findings of a sort there are."""
        return sum(finding.fate == fate for finding in self.findings)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return all(finding.fate == "uncertain" for finding in self.findings)


class _Facts(NamedTuple):
    """Everything about one order."""

    intent: Intent
    order: Order
    payments: Sequence[Payment]
    charges: Sequence[Movement]
    refunds: Sequence[Refund]
    returned: Sequence[Movement]
    receipts: Sequence[Receipt]
    mails: Sequence[Mail]

    def finds(self, fate: Fate, message: str) -> Finding:
        """Return a finding about this order."""
        return Finding(fate=fate, message=message, intent=self.intent.number, order=self.order.id)


def judge(intents: Sequence[Intent], books: Books, stored: Stored) -> Verdict:
    """Judge a drill that has come to its end."""
    by_email = {intent.email: intent for intent in intents}
    orders_of: defaultdict[int, list[Order]] = defaultdict(list)
    findings: list[Finding] = []
    for order in stored.orders:
        intent = by_email.get(order.email)
        if intent is None:
            findings.append(_wrong(f"Order {order.number} is nobody's.", order=order.id))
        else:
            orders_of[intent.number].append(order)
    facts = list(_facts(intents, orders_of, books, stored))
    for intent in intents:
        findings.extend(_of_intent(intent, orders_of[intent.number]))
    for fact in facts:
        findings.extend(_of_money(fact))
        findings.extend(_of_kitchen(fact))
        findings.extend(_of_mail(fact))
    findings.extend(_strays(intents, books, stored))
    return Verdict(counts=_counts(intents, facts, books, stored), findings=tuple(findings))


def _facts(
    intents: Sequence[Intent], orders_of: dict[int, list[Order]], books: Books, stored: Stored
) -> Iterator[_Facts]:
    payments, refunds, receipts = _by_order(stored.payments), _by_order(stored.refunds), _by_order(stored.receipts)
    moved: defaultdict[tuple[str, str], list[Movement]] = defaultdict(list)
    for movement in books.movements:
        if movement.state == "succeeded":
            moved[movement.kind, movement.subject].append(movement)
    mails: defaultdict[str, list[Mail]] = defaultdict(list)
    for mail in books.mails:
        for recipient in mail.recipients:
            mails[recipient.lower()].append(mail)
    for intent in intents:
        for order in orders_of[intent.number]:
            yield _Facts(
                intent=intent,
                order=order,
                payments=payments[order.id],
                charges=[move for payment in payments[order.id] for move in moved["charge", payment.id]],
                refunds=refunds[order.id],
                returned=[move for refund in refunds[order.id] for move in moved["refund", refund.id]],
                receipts=receipts[order.id],
                mails=mails[intent.email],
            )


def _of_intent(intent: Intent, orders: Sequence[Order]) -> Iterator[Finding]:
    about = intent.number
    stored = {order.id for order in orders}
    for refused in intent.refused:
        yield _wrong(f"A guest was refused: {refused}", intent=about, order=next(iter(stored), ""))
    if len(intent.orders) > 1:
        yield _doubled(
            f"One intent was answered with {len(intent.orders)} orders.", intent=about, order=intent.orders[0]
        )
    for told_id in intent.orders:
        if told_id not in stored:
            yield _lost("A guest got 201 for an order that is not there.", intent=about, order=told_id)
    if not intent.leaves and not intent.orders and not intent.refused:
        yield _lost("A guest was never answered.", intent=about, order=next(iter(stored), ""))
    if len(orders) > 1:
        numbers = ", ".join(str(order.number) for order in orders)
        yield _doubled(f"One intent became {len(orders)} orders: {numbers}.", intent=about, order=orders[0].id)
    for order in orders:
        if order.total != intent.total:
            told = f"Order {order.number} costs {order.total}, and the guest agreed to {intent.total}."
            yield _wrong(told, intent=about, order=order.id)


def _of_money(fact: _Facts) -> Iterator[Finding]:
    order, number = fact.order, fact.order.number
    open_payments = [payment for payment in fact.payments if payment.state in OPEN]
    if not fact.payments:
        yield fact.finds("lost", f"Order {number} has no payment.")
        return
    if open_payments:
        told = f"Whether order {number} was charged is not known: {open_payments[0].state} {open_payments[0].reason}."
        yield fact.finds("uncertain", told)
    if len(fact.charges) > 1:
        refs = ", ".join(charge.id for charge in fact.charges)
        yield fact.finds("doubled", f"Order {number} was charged {len(fact.charges)} times: {refs}.")
    if any(charge.amount != order.total for charge in fact.charges):
        yield fact.finds("wrong", f"Order {number} was charged another amount than it costs.")
    if order.paid and not fact.charges:
        yield fact.finds("lost", f"Order {number} is paid, and the provider has no charge.")
    if order.paid and fact.intent.declined:
        yield fact.finds("wrong", f"Order {number} is paid with a card that is declined.")
    if order.paid or open_payments:
        return
    kept = sum(charge.amount for charge in fact.charges) - sum(move.amount for move in fact.returned)
    if kept:
        yield fact.finds("lost", f"Order {number} was charged {kept}, and is {order.status}.")
    reasons = {payment.reason for payment in fact.payments}
    if not fact.intent.declined and reasons != {NOT_CHARGED}:
        told = f"Order {number} failed with a card that succeeds: {order.status} {', '.join(sorted(reasons))}."
        yield fact.finds("lost", told)


def _of_kitchen(fact: _Facts) -> Iterator[Finding]:
    order = fact.order
    if order.tickets > 1:
        yield fact.finds("doubled", f"Order {order.number} has {order.tickets} tickets.")
    if order.paid and not order.tickets:
        yield fact.finds("lost", f"Order {order.number} is paid and has no ticket.")
    if order.tickets and not order.paid:
        yield fact.finds("wrong", f"Order {order.number} has a ticket and is not paid.")


def _of_mail(fact: _Facts) -> Iterator[Finding]:
    order, copies = fact.order, len(fact.mails)
    doubtful = sum(receipt.doubtful for receipt in fact.receipts)
    undecided = any(receipt.state == "uncertain" for receipt in fact.receipts)
    if doubtful:
        told = f"The receipt of order {order.number} was sent again in doubt, and has arrived {copies} times."
        yield fact.finds("uncertain", told)
    if copies > 1 + doubtful or len({mail.message_id for mail in fact.mails}) > 1:
        told = f"The mail server has accepted {copies} receipts of order {order.number}."
        yield fact.finds("doubled", told)
    if order.paid and not copies:
        fate: Fate = "uncertain" if undecided else "lost"
        told = f"The mail server has accepted no receipt of order {order.number}."
        yield fact.finds(fate, told)
    if copies and not order.paid:
        yield fact.finds("wrong", f"Order {order.number} has a receipt and is not paid.")


def _strays(intents: Sequence[Intent], books: Books, stored: Stored) -> Iterator[Finding]:
    """What stands in the books and belongs to no order."""
    stored_orders = {order.id for order in stored.orders}
    ours = {payment.id for payment in stored.payments if payment.order_id in stored_orders}
    ours |= {refund.id for refund in stored.refunds if refund.order_id in stored_orders}
    for movement in books.movements:
        if movement.state == "succeeded" and movement.subject not in ours:
            told = f"The provider has moved {movement.amount} ({movement.kind} {movement.id}) for no order of ours."
            yield _wrong(told)
    wanted = {intent.email for intent in intents}
    for message_id, copies in Counter(
        mail.message_id for mail in books.mails if not wanted.intersection(to.lower() for to in mail.recipients)
    ).items():
        yield _wrong(f"The mail server has accepted {message_id} ({copies} times) for nobody we know.")


def _counts(intents: Sequence[Intent], facts: Sequence[_Facts], books: Books, stored: Stored) -> Counts:
    given_back = {
        charge.id
        for fact in facts
        for charge in fact.charges
        if charge.refunded == charge.amount and not fact.order.paid
    }
    charges = [move for move in books.movements if move.kind == "charge" and move.state == "succeeded"]
    failed = [fact for fact in facts if not fact.order.paid and fact.payments]
    return Counts(
        intents=len(intents),
        left=sum(intent.leaves for intent in intents),
        answered=sum(bool(intent.orders) for intent in intents),
        answers=sum(intent.answers for intent in intents),
        stored=len(stored.orders),
        unanswered=sum(not fact.intent.orders for fact in facts),
        paid=sum(order.paid for order in stored.orders),
        charges=sum(charge.id not in given_back for charge in charges),
        declined=sum(fact.intent.declined for fact in failed),
        given_up=sum(not fact.intent.declined and fact.payments[0].reason == NOT_CHARGED for fact in failed),
        tickets=sum(order.tickets for order in stored.orders),
        mails=len(books.mails),
    )


def _by_order(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(row)
    return found


def _lost(message: str, *, intent: int, order: str) -> Finding:
    return Finding(fate="lost", message=message, intent=intent, order=order)


def _doubled(message: str, *, intent: int, order: str) -> Finding:
    return Finding(fate="doubled", message=message, intent=intent, order=order)


def _wrong(message: str, *, intent: int | None = None, order: str = "") -> Finding:
    return Finding(fate="wrong", message=message, intent=intent, order=order)
