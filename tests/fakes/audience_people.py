"""People written straight into campaigns' tables, as their consumers and the sending of campaigns would leave them."""

import itertools
from collections.abc import Sequence
from uuid import UUID

import msgspec

from comanda.engine.database import Database, Transaction
from tests.fakes.clock import START
from tests.fakes.judged_people import JudgedPerson
from tests.fakes.orders import RESTAURANT

PARTITION = """
CREATE TABLE IF NOT EXISTS campaigns.deliveries_of_tests PARTITION OF campaigns.deliveries DEFAULT
"""

EMPTY = """
WITH a AS (DELETE FROM campaigns.people_orders), b AS (DELETE FROM campaigns.suppressions),
    c AS (DELETE FROM campaigns.openings), d AS (DELETE FROM campaigns.clicks), e AS (DELETE FROM campaigns.deliveries),
    f AS (DELETE FROM campaigns.campaigns)
DELETE FROM campaigns.people
"""

PERSON = """
INSERT INTO campaigns.people (id, restaurant_id, email, domain, name, phone, zone, consent_at, unsubscribed_at,
    orders, spent, first_order_at, last_order_at, deliveries, pickups, dine_ins, attributes)
VALUES ($1, $2, 'someone@' || $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb)
"""

ORDER = """
INSERT INTO campaigns.people_orders (order_id, customer_id, placed_at, fulfilment, total, refunded)
VALUES ($1, $2, $3, $4, $5, $6)
"""

SUPPRESSION = """
INSERT INTO campaigns.suppressions (customer_id, restaurant_id, why, at) VALUES ($1, $2, 'bounced', $3)
"""

CAMPAIGN = """
INSERT INTO campaigns.campaigns (id, restaurant_id, name, document, state, created_at, updated_at, started_at)
VALUES (gen_random_uuid(), $1, 'A campaign', '{}', 'finished', $2, $2, $2) RETURNING number
"""

MARKS = {
    "opened": "INSERT INTO campaigns.openings (campaign, recipient, first_at, times) VALUES ($1, $2, $3, $4)",
    "clicked": """
        INSERT INTO campaigns.clicks (campaign, recipient, link, first_at, last_at, times)
        VALUES ($1, $2, 1, $3, $3, $4)
    """,
}


async def write_people(database: Database, people: Sequence[JudgedPerson], restaurant_id: UUID = RESTAURANT) -> None:
    """Write these people, and nobody else."""
    async with database.transaction() as tx:
        await tx.execute(PARTITION)
        await tx.execute(EMPTY)
        await tx.execute_many(PERSON, [_row(person, restaurant_id) for person in people])
        numbers = itertools.count(1)
        orders = [
            (UUID(int=next(numbers)), person.id, order.placed_at, order.fulfilment, order.total, order.refunded)
            for person in people
            for order in person.orders
        ]
        await tx.execute_many(ORDER, orders)
        suppressed = [(person.id, restaurant_id, START) for person in people if person.suppressed]
        await tx.execute_many(SUPPRESSION, suppressed)
        await _write_marks(tx, people, restaurant_id)


def _row(person: JudgedPerson, restaurant_id: UUID) -> tuple[object, ...]:
    moments = [order.placed_at for order in person.orders]
    ways = [order.fulfilment for order in person.orders]
    return (
        person.id,
        restaurant_id,
        person.domain,
        person.name,
        person.phone,
        person.zone,
        person.consent_at,
        person.unsubscribed_at,
        len(person.orders),
        sum(order.total - order.refunded for order in person.orders),
        min(moments, default=None),
        max(moments, default=None),
        ways.count("delivery"),
        ways.count("pickup"),
        ways.count("dine_in"),
        msgspec.json.encode(person.attributes).decode(),
    )


async def _write_marks(tx: Transaction, people: Sequence[JudgedPerson], restaurant_id: UUID) -> None:
    """Give each mark a campaign that was started when it says, of which the person is the only recipient."""
    for person in people:
        for mark in person.marks:
            number = await tx.fetch_value(CAMPAIGN, restaurant_id, mark.started_at)
            await tx.execute(
                "INSERT INTO campaigns.deliveries (campaign, recipient, customer_id, state) VALUES ($1, 1, $2, 2)",
                *(number, person.id),
            )
            await tx.execute(MARKS[mark.what], number, 1, START, mark.times)
