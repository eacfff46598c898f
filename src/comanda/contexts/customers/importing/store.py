"""The SQL of imports: the cursor, what is written with it, and what pages show."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.customers.importing.cleaning import Problem
from comanda.contexts.customers.importing.layout import Layout
from comanda.contexts.customers.importing.reader import Place
from comanda.contexts.customers.importing.writing import Counts, KnownCustomer, Write
from comanda.engine.database import Database, Record, Transaction

COLUMNS = """id, restaurant_id, name, file_key, size_bytes, mapping, state, offset_bytes, line, counts, problem,
    created_at, updated_at, finished_at"""

TEMPORARY = """
CREATE TEMPORARY TABLE import_lines (
    id uuid, email text, name text, phone text, timezone text, attributes jsonb,
    change text, consent_at timestamptz, consent_source text, is_new boolean
) ON COMMIT DROP
"""

RENEW = """
UPDATE customers.customers AS c SET
    name = CASE WHEN l.name = '' THEN c.name ELSE l.name END,
    phone = CASE WHEN l.phone = '' THEN c.phone ELSE l.phone END,
    timezone = CASE WHEN l.timezone = '' THEN c.timezone ELSE l.timezone END,
    attributes = c.attributes || l.attributes,
    marketing_consent_at =
        CASE l.change WHEN 'given' THEN l.consent_at WHEN 'withdrawn' THEN NULL ELSE c.marketing_consent_at END,
    marketing_consent_source =
        CASE l.change WHEN 'given' THEN l.consent_source WHEN 'withdrawn' THEN NULL
        ELSE c.marketing_consent_source END,
    imported_at = $1,
    version = c.version + 1
FROM import_lines l WHERE c.id = l.id AND NOT l.is_new
"""

MAKE = """
WITH made AS (
    INSERT INTO customers.customers (
        id, restaurant_id, email, name, phone, timezone, attributes, marketing_consent_at, marketing_consent_source,
        imported_at
    )
    SELECT id, $2, email, name, phone, timezone, attributes,
        CASE WHEN change = 'given' THEN consent_at END, CASE WHEN change = 'given' THEN consent_source END, $1
    FROM import_lines WHERE is_new ON CONFLICT DO NOTHING RETURNING id
)
SELECT id FROM import_lines WHERE is_new AND id NOT IN (SELECT id FROM made)
"""
"""Returns those that were not made, for they are few. No key is named, as in `customers.store.INSERT_CUSTOMER`, and for
its reason."""

CONSENT = """
INSERT INTO customers.consents (customer_id, restaurant_id, at, what, source, detail)
SELECT id, $1, consent_at, change, consent_source, $2 FROM import_lines
WHERE change IS NOT NULL AND NOT (is_new AND id = ANY($3::uuid[]))
"""


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """An import, and how far it is; see `model.Import`."""

    id: UUID
    restaurant_id: UUID
    name: str
    file_key: str
    size_bytes: int
    layout: Layout
    state: str
    place: Place
    counts: Counts
    problem: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


async def insert(tx: Transaction, row: ImportRow) -> None:
    """Write down a new import."""
    sql = f"""
        INSERT INTO customers.imports ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    """
    await tx.execute(
        sql, row.id, row.restaurant_id, row.name, row.file_key, row.size_bytes, _json(row.layout), row.state,
        row.place.offset, row.place.line, _json(row.counts), row.problem, row.created_at, row.updated_at,
        row.finished_at,
    )  # fmt: skip


async def lock(tx: Transaction, import_id: UUID) -> ImportRow | None:
    """Return the import, and let nobody else move it before this transaction ends."""
    row = await tx.fetch_row(f"SELECT {COLUMNS} FROM customers.imports WHERE id = $1 FOR UPDATE", import_id)
    return None if row is None else _import(row)


async def load(database: Database, import_id: UUID) -> ImportRow | None:
    """Return the import."""
    row = await database.fetch_row(f"SELECT {COLUMNS} FROM customers.imports WHERE id = $1", import_id)
    return None if row is None else _import(row)


async def seen_in(tx: Transaction, import_id: UUID) -> ImportRow | None:
    """Return the import as a transaction sees it, without a lock."""
    row = await tx.fetch_row(f"SELECT {COLUMNS} FROM customers.imports WHERE id = $1", import_id)
    return None if row is None else _import(row)


async def update(tx: Transaction, row: ImportRow) -> None:
    """Write an import's cursor, counts, state and layout."""
    sql = """
        UPDATE customers.imports SET state = $2, offset_bytes = $3, line = $4, counts = $5, problem = $6,
            updated_at = $7, finished_at = $8, mapping = $9, file_key = $10
        WHERE id = $1
    """
    await tx.execute(
        sql, row.id, row.state, row.place.offset, row.place.line, _json(row.counts), row.problem, row.updated_at,
        row.finished_at, _json(row.layout), row.file_key,
    )  # fmt: skip


async def latest(database: Database, restaurant_id: UUID, most: int) -> list[ImportRow]:
    """Return the restaurant's imports, the latest first."""
    sql = f"""
        SELECT {COLUMNS} FROM customers.imports WHERE restaurant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2
    """
    return [_import(row) for row in await database.fetch(sql, restaurant_id, most)]


async def latest_of_file(database: Database, restaurant_id: UUID, file_key: str) -> ImportRow | None:
    """Return the last import of that very file."""
    sql = f"""
        SELECT {COLUMNS} FROM customers.imports WHERE restaurant_id = $1 AND file_key = $2
        ORDER BY created_at DESC LIMIT 1
    """
    row = await database.fetch_row(sql, restaurant_id, file_key)
    return None if row is None else _import(row)


async def known(tx: Transaction, restaurant_id: UUID, emails: Sequence[str]) -> dict[str, KnownCustomer]:
    """Return those of the addresses that are customers, and keep others from changing them."""
    sql = """
        SELECT id, email, imported_at, marketing_consent_at, unsubscribed_at FROM customers.customers
        WHERE restaurant_id = $1 AND email = ANY($2::text[]) ORDER BY id FOR UPDATE
    """
    return {row["email"]: KnownCustomer(*row.values()) for row in await tx.fetch(sql, restaurant_id, emails)}


async def write(tx: Transaction, restaurant_id: UUID, begun_at: datetime, made: Sequence[Write]) -> set[UUID]:
    """Write customers; return the ids of new ones that somebody else has just made, and that are not written.

    `make_room` has been called in this transaction.
    """
    await tx.execute("TRUNCATE import_lines")
    await tx.connection.copy_records_to_table("import_lines", records=made, columns=Write._fields)
    if not all(one.is_new for one in made):
        await tx.execute(RENEW, begun_at)
    if not any(one.is_new for one in made):
        return set()
    return {row["id"] for row in await tx.fetch(MAKE, begun_at, restaurant_id)}


async def note_consents(tx: Transaction, restaurant_id: UUID, detail: str, overtaken: Collection[UUID]) -> None:
    """Note the consents that change by what `write` has just written; `overtaken` is what it returned.

    From the table that COPY has filled, so that they need not travel a second time. `detail` names the import.
    """
    await tx.execute(CONSENT, restaurant_id, detail, list(overtaken))


async def make_room(tx: Transaction) -> None:
    """Make the table that COPY fills, and have the planner walk it row by row: it has no idea of its size."""
    await tx.execute(TEMPORARY)
    await tx.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")


async def insert_problems(tx: Transaction, import_id: UUID, problems: Sequence[Problem]) -> None:
    """Keep problems; one that is there already is let be."""
    sql = """
        INSERT INTO customers.import_problems (import_id, line, "column", text, excerpt)
        SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING
    """
    if problems:
        lines, columns, texts, excerpts = zip(*problems, strict=True)
        await tx.execute(sql, import_id, lines, columns, texts, excerpts)


async def problems(database: Database, import_id: UUID, most: int) -> list[Record]:
    """Return the problems that are kept, in the order of the lines."""
    sql = """
        SELECT line, "column", text, excerpt FROM customers.import_problems WHERE import_id = $1
        ORDER BY line, "column" LIMIT $2
    """
    return list(await database.fetch(sql, import_id, most))


def _import(row: Record) -> ImportRow:
    return ImportRow(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        name=row["name"],
        file_key=row["file_key"],
        size_bytes=row["size_bytes"],
        layout=msgspec.json.decode(row["mapping"], type=Layout),
        state=row["state"],
        place=Place(row["offset_bytes"], row["line"]),
        counts=msgspec.json.decode(row["counts"], type=Counts),
        problem=row["problem"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
