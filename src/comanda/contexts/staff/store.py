"""The SQL of staff."""

from datetime import datetime, timedelta
from uuid import UUID

from comanda.engine.database import Database, Record, Transaction

ACCOUNT = "id, restaurant_id, email, name, roles, password_hash, created_at, disabled_at"


async def account_by_email(database: Database, email: str) -> Record | None:
    """Return the account of that normalised e-mail, disabled or not."""
    return await database.fetch_row(f"SELECT {ACCOUNT} FROM staff.accounts WHERE email = $1", email)


async def lock_accounts(tx: Transaction, restaurant_id: UUID) -> list[Record]:
    """Return the restaurant's accounts, locked in the order of their ids."""
    sql = f"SELECT {ACCOUNT} FROM staff.accounts WHERE restaurant_id = $1 ORDER BY id FOR UPDATE"
    return list(await tx.fetch(sql, restaurant_id))


async def accounts(database: Database, restaurant_id: UUID) -> list[Record]:
    """Return the restaurant's accounts by name."""
    sql = f"SELECT {ACCOUNT} FROM staff.accounts WHERE restaurant_id = $1 ORDER BY disabled_at NULLS FIRST, name, id"
    return list(await database.fetch(sql, restaurant_id))


async def insert_account(
    tx: Transaction,
    *,
    account_id: UUID,
    restaurant_id: UUID,
    email: str,
    name: str,
    password_hash: str,
    roles: list[str],
    now: datetime,
) -> bool:
    """Insert an account; return whether its e-mail was free."""
    sql = """
        INSERT INTO staff.accounts (id, restaurant_id, email, name, password_hash, roles, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING
    """
    return await tx.execute(sql, account_id, restaurant_id, email, name, password_hash, roles, now) == 1


async def set_password(tx: Transaction, account_id: UUID, password_hash: str) -> None:
    """Write the account's password hash."""
    await tx.execute("UPDATE staff.accounts SET password_hash = $2 WHERE id = $1", account_id, password_hash)


async def set_roles(tx: Transaction, account_id: UUID, roles: list[str], disabled_at: datetime | None) -> None:
    """Write what the account may do, and whether it may sign in at all."""
    sql = "UPDATE staff.accounts SET roles = $2, disabled_at = $3 WHERE id = $1"
    await tx.execute(sql, account_id, roles, disabled_at)


async def insert_session(
    tx: Transaction, *, token_hash: bytes, account_id: UUID, kind: str, now: datetime, expires_at: datetime
) -> None:
    """Insert a session."""
    sql = """
        INSERT INTO staff.sessions (token_hash, account_id, kind, created_at, seen_at, expires_at)
        VALUES ($1, $2, $3, $4, $4, $5)
    """
    await tx.execute(sql, token_hash, account_id, kind, now, expires_at)


async def session_member(database: Database, token_hash: bytes, now: datetime, idle: timedelta) -> Record | None:
    """Return the account behind a session that is not over, with the session's `seen_at`."""
    sql = """
        SELECT a.id, a.restaurant_id, a.email, a.name, a.roles, s.seen_at
        FROM staff.sessions s JOIN staff.accounts a ON a.id = s.account_id
        WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND a.disabled_at IS NULL
    """
    return await database.fetch_row(sql, token_hash, now, now - idle)


async def touch_session(tx: Transaction, token_hash: bytes, now: datetime) -> None:
    """Note that the session was used."""
    await tx.execute("UPDATE staff.sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2", token_hash, now)


async def delete_session(tx: Transaction, token_hash: bytes) -> None:
    """End a session."""
    await tx.execute("DELETE FROM staff.sessions WHERE token_hash = $1", token_hash)


async def delete_sessions_of(tx: Transaction, account_id: UUID, *, but: bytes = b"") -> None:
    """End all sessions of an account but one."""
    await tx.execute("DELETE FROM staff.sessions WHERE account_id = $1 AND token_hash <> $2", account_id, but)


async def count_try(tx: Transaction, key: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
    """Count one more try under `key`; return how many there were since when. The count starts anew after `window`."""
    sql = """
        INSERT INTO staff.sign_in_tries AS t (key, tries, since) VALUES ($1, 1, $2)
        ON CONFLICT (key) DO UPDATE SET
            tries = CASE WHEN t.since > $3 THEN t.tries + 1 ELSE 1 END,
            since = CASE WHEN t.since > $3 THEN t.since ELSE $2 END
        RETURNING tries, since
    """
    row = await tx.fetch_row(sql, key, now, now - window)
    assert row is not None  # noqa: S101 - an upsert with RETURNING gives a row
    return row["tries"], row["since"]


async def forget_tries(tx: Transaction, key: str) -> None:
    """Start the count under `key` anew."""
    await tx.execute("DELETE FROM staff.sign_in_tries WHERE key = $1", key)


async def sweep(tx: Transaction, now: datetime, idle: timedelta, window: timedelta, most: int) -> int:
    """Delete sessions and counts that are over, `most` of each at most; return how many went."""
    # By the rows' places: a join with what is to go would read the whole table.
    ended, unused, tries = (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("
        f"SELECT ctid FROM {table} WHERE {column} <= $1 ORDER BY {column} LIMIT $2))"
        for table, column in (
            ("staff.sessions", "expires_at"),
            ("staff.sessions", "seen_at"),
            ("staff.sign_in_tries", "since"),
        )
    )
    swept = await tx.execute(ended, now, most) + await tx.execute(unused, now - idle, most)
    return swept + await tx.execute(tries, now - window, most)
