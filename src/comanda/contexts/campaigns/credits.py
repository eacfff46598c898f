"""Orders that a campaign brought: by the coupon of one of its recipients, or by a click in the week before.

Each order is credited once, to one mail. What is given back of it later is taken off.
"""

from comanda.contracts.ordering import OrderPaid
from comanda.contracts.payments import PaymentRefunded
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, consumer
from comanda.mail.returns.marks import Marks

CLICKED = """
SELECT k.campaign, k.recipient FROM campaigns.campaigns c
JOIN campaigns.deliveries d ON d.campaign = c.number AND d.customer_id = $2
JOIN campaigns.clicks k ON k.campaign = d.campaign AND k.recipient = d.recipient
WHERE c.restaurant_id = $1 AND c.started_at > $3::timestamptz - interval '90 days' AND k.times > 0
    AND k.last_at BETWEEN $3::timestamptz - interval '7 days' AND $3
ORDER BY k.last_at DESC LIMIT 1
"""

OF_RESTAURANT = "SELECT EXISTS (SELECT FROM campaigns.campaigns WHERE number = $1 AND restaurant_id = $2)"

CREDIT = """
INSERT INTO campaigns.credits (order_id, campaign, recipient, why, total, currency, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id) DO NOTHING
"""

REFUNDED = "UPDATE campaigns.credits SET refunded = greatest(refunded, $2) WHERE order_id = $1"


def credits_given(marks: Marks) -> Consumer:
    """Return the consumer that credits orders to campaigns."""

    @consumer("campaigns.credits", on=[OrderPaid, PaymentRefunded])
    async def credit(tx: Transaction, event: OrderPaid | PaymentRefunded) -> None:
        if isinstance(event, PaymentRefunded):
            await tx.execute(REFUNDED, event.order_id, event.refunded_in_all)
            return
        found = await _by_coupon(tx, event, marks) or await _by_click(tx, event)
        if found is not None:
            why, campaign, recipient = found
            quote = event.order.quote
            await tx.execute(
                CREDIT, event.order_id, campaign, recipient, why, quote.total, quote.currency, event.order.placed_at
            )

    return credit


async def _by_coupon(tx: Transaction, event: OrderPaid, marks: Marks) -> tuple[str, int, int] | None:
    mark = marks.read_coupon(event.order.quote.coupon) if event.order.quote.coupon else None
    if mark is None or not await tx.fetch_value(OF_RESTAURANT, mark.campaign, event.restaurant_id):
        return None
    return "coupon", mark.campaign, mark.recipient


async def _by_click(tx: Transaction, event: OrderPaid) -> tuple[str, int, int] | None:
    row = await tx.fetch_row(CLICKED, event.restaurant_id, event.order.guest.id, event.order.placed_at)
    return None if row is None else ("click", row["campaign"], row["recipient"])
