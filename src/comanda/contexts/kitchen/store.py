"""The SQL of the kitchen."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from comanda.contexts.kitchen.states import CLOSED, Status
from comanda.engine.database import Database, Record, Transaction

TICKET = (
    "id, order_id, restaurant_id, number, fulfilment, status, version, reason, document, due_at, opened_at, moved_at"
)
_CLOSED = ", ".join(f"'{status}'" for status in CLOSED)


async def insert_ticket(
    tx: Transaction,
    *,
    ticket_id: UUID,
    order_id: UUID,
    restaurant_id: UUID,
    number: int,
    fulfilment: str,
    document: str,
    due_at: datetime,
    now: datetime,
) -> bool:
    """Insert a ticket; return False when the order has one already."""
    sql = """
        INSERT INTO kitchen.tickets
            (id, order_id, restaurant_id, number, fulfilment, document, due_at, opened_at, moved_at)
        VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $8) ON CONFLICT (order_id) DO NOTHING
    """
    count = await tx.execute(sql, ticket_id, order_id, restaurant_id, number, fulfilment, document, due_at, now)
    return count == 1


async def lock_ticket(tx: Transaction, restaurant_id: UUID, ticket_id: UUID) -> Record | None:
    """Return the ticket, locked."""
    sql = f"SELECT {TICKET} FROM kitchen.tickets WHERE id = $1 AND restaurant_id = $2 FOR UPDATE"
    return await tx.fetch_row(sql, ticket_id, restaurant_id)


async def move_ticket(
    tx: Transaction, ticket_id: UUID, status: Status, *, reason: str, member_id: UUID, now: datetime
) -> Record | None:
    """Write where a locked ticket stands now, and return it."""
    sql = f"""
        UPDATE kitchen.tickets SET status = $2, reason = $3, moved_by = $4, moved_at = $5, version = version + 1
        WHERE id = $1 RETURNING {TICKET}
    """
    return await tx.fetch_row(sql, ticket_id, status, reason, member_id, now)


async def withdraw_ticket(tx: Transaction, order_id: UUID, *, reason: str, now: datetime) -> None:
    """Take the order's ticket off the board, if it is still on it."""
    sql = f"""
        UPDATE kitchen.tickets SET status = 'withdrawn', reason = $2, moved_at = $3, version = version + 1
        WHERE order_id = $1 AND status NOT IN ({_CLOSED})
    """
    await tx.execute(sql, order_id, reason, now)


async def documents(tx: Transaction, order_ids: Sequence[UUID]) -> list[Record]:
    """Return the tickets of these orders, with their documents alone, locked."""
    sql = "SELECT id, document FROM kitchen.tickets WHERE order_id = ANY($1) ORDER BY id FOR UPDATE"
    return list(await tx.fetch(sql, list(order_ids)))


async def replace_document(tx: Transaction, ticket_id: UUID, document: str) -> None:
    """Write another document of a locked ticket, which stays where it is on the board."""
    await tx.execute("UPDATE kitchen.tickets SET document = $2::text::jsonb WHERE id = $1", ticket_id, document)


async def open_tickets(database: Database, restaurant_id: UUID, most: int) -> list[Record]:
    """Return the tickets on the board, the most urgent first."""
    sql = f"""
        SELECT {TICKET} FROM kitchen.tickets WHERE restaurant_id = $1 AND status NOT IN ({_CLOSED})
        ORDER BY due_at, number LIMIT $2
    """
    return list(await database.fetch(sql, restaurant_id, most))


async def closed_tickets(database: Database, restaurant_id: UUID, since: datetime, most: int) -> list[Record]:
    """Return the tickets that left the board since then, the last first."""
    sql = f"""
        SELECT {TICKET} FROM kitchen.tickets WHERE restaurant_id = $1 AND status IN ({_CLOSED}) AND moved_at >= $2
        ORDER BY moved_at DESC LIMIT $3
    """
    return list(await database.fetch(sql, restaurant_id, since, most))


async def ticket(database: Database, restaurant_id: UUID, ticket_id: UUID) -> Record | None:
    """Return one ticket."""
    sql = f"SELECT {TICKET} FROM kitchen.tickets WHERE id = $1 AND restaurant_id = $2"
    return await database.fetch_row(sql, ticket_id, restaurant_id)
