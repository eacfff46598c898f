"""The audit: every invariant, on one moment of the database and the provider's ledger."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from comanda.audit import capacity, charges, coupons, effects, lanes, orders, receipts, refunds, stuck, tickets
from comanda.audit.evidence import Evidence, gathered
from comanda.audit.report import Checked, Report
from comanda.house import House

Invariant = Callable[[Evidence], Awaitable[Checked | list[Checked]]]

INVARIANTS: Sequence[Invariant] = (
    orders.lines_add_up,
    orders.one_order_per_key,
    orders.one_attempt_placed_each,
    orders.placed_once_in_log,
    orders.paid_once_in_log,
    orders.ended_once_in_log,
    charges.charged_once,
    charges.charge_has_order,
    charges.paid_order_has_charge,
    charges.charged_amount_is_quote,
    charges.charge_is_heard_of,
    charges.no_contradictions,
    refunds.refunds_match_ledger,
    refunds.refunds_add_up,
    refunds.ended_orders_are_refunded,
    receipts.one_receipt_per_paid_order,
    receipts.receipt_arrived_once,
    tickets.one_ticket_per_paid_order,
    tickets.ticket_stands_with_order,
    coupons.coupons_within_limits,
    coupons.guests_within_limits,
    coupons.redemptions_match_orders,
    capacity.stock_is_what_orders_hold,
    capacity.slots_are_what_orders_hold,
    capacity.only_live_orders_hold,
    capacity.live_orders_hold_their_share,
    effects.passed_events_have_effects,
    effects.facts_once,
    effects.histories_add_up,
    lanes.cursors_below_horizon,
    lanes.parked_events_are_passed,
    lanes.nothing_parked_for_long,
    lanes.nothing_unread_for_long,
    stuck.no_unpaid_orders,
    stuck.no_open_payments,
    stuck.no_open_refunds,
    stuck.no_open_receipts,
)

TOTALS = {
    "orders": "SELECT count(*) FROM ordering.orders",
    "paid orders": "SELECT count(*) FROM ordering.orders WHERE paid_at IS NOT NULL",
    "charges": "SELECT count(*) FROM ledger WHERE kind = 'charge' AND state = 'succeeded'",
    "refunds": "SELECT count(*) FROM ledger WHERE kind = 'refund' AND state = 'succeeded'",
    "tickets": "SELECT count(*) FROM kitchen.tickets",
    "receipts": "SELECT count(*) FROM receipts.receipts WHERE state = 'sent'",
    "mails": "SELECT coalesce(sum(copies), 0) FROM mails",
    "events": "SELECT count(*) FROM engine.events",
}


async def audit(house: House, *, age: timedelta, checking: Callable[[str], None] = lambda _: None) -> Report:
    """Look at every invariant.

    Args:
        house: opened, or at least with a database that answers.
        age: what is younger may still be on its way and is not missed yet.
        checking: told the name of each invariant's function before it is looked at.

    Raises `Unavailable` when the database or the provider does not answer.
    """
    async with gathered(house, age=age) as evidence:
        found: list[Checked] = []
        for invariant in INVARIANTS:
            checking(getattr(invariant, "__name__", "").replace("_", " "))
            outcome = await invariant(evidence)
            found.extend(outcome if isinstance(outcome, list) else [outcome])
        totals = {name: await evidence.count(sql) for name, sql in TOTALS.items()}
        return Report(at=evidence.read_at, age_s=age.total_seconds(), totals=totals, invariants=tuple(found))
