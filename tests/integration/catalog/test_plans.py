"""The hot queries of catalog and promotions find their rows by index in large tables."""

import json
import re
from typing import Any

import pytest

from comanda.contexts.catalog import capacity_store
from comanda.contexts.catalog import store as catalog_store
from comanda.contexts.promotions import store as promotions_store
from comanda.engine.database import Database

ROWS = 100_000

FILL = (
    f"""INSERT INTO catalog.restaurants (id, slug, name, currency, timezone, country, locale)
    SELECT gen_random_uuid(), 'r' || n, 'R', 'EUR', 'UTC', 'DE', 'en' FROM generate_series(1, {ROWS // 50}) n""",
    f"""INSERT INTO catalog.kitchen_slots SELECT id, now() + n * interval '15 minutes', 9, 1
    FROM (SELECT id FROM catalog.restaurants LIMIT 100) r, generate_series(1, {ROWS // 100}) n""",
    f"""INSERT INTO catalog.daily_stock SELECT id, 'i' || n, current_date, 9, 1
    FROM (SELECT id FROM catalog.restaurants LIMIT 100) r, generate_series(1, {ROWS // 100}) n""",
    f"""INSERT INTO catalog.reservations (order_id, kind, restaurant_id, starts_at, quantity)
    SELECT uuidv7(), 'slot', gen_random_uuid(), now(), 1 FROM generate_series(1, {ROWS})""",
    """INSERT INTO promotions.coupons (id, restaurant_id, code, kind, value, total_limit, guest_limit)
    SELECT gen_random_uuid(), gen_random_uuid(), 'C' || n, 'amount', 1, 99999, 9 FROM generate_series(1, 2000) n""",
    f"""INSERT INTO promotions.redemptions SELECT uuidv7(), c.id, gen_random_uuid(), 1
    FROM (SELECT id FROM promotions.coupons LIMIT 10) c, generate_series(1, {ROWS // 10}) n""",
    f"""INSERT INTO promotions.guest_counts SELECT c.id, gen_random_uuid(), 9, 1
    FROM (SELECT id FROM promotions.coupons LIMIT 10) c, generate_series(1, {ROWS // 10}) n""",
    """INSERT INTO catalog.menu_versions (restaurant_id, version, document) SELECT id, 1, '{}'
    FROM catalog.restaurants""",
    """INSERT INTO catalog.sold_out SELECT id, 'i' || n FROM catalog.restaurants, generate_series(1, 5) n""",
    "ANALYZE",
)

HOT = {
    "restaurant by slug": catalog_store.LOAD_BY_SLUG,
    "restaurant by id": catalog_store.LOAD_BY_ID,
    "revisions": catalog_store.REVISIONS,
    "lock stock": capacity_store.LOCK_STOCK,
    "take stock": capacity_store.TAKE_STOCK,
    "lock slots": capacity_store.LOCK_SLOTS,
    "take slots": capacity_store.TAKE_SLOTS,
    "drop reservations": capacity_store.DROP_RESERVATIONS,
    "full slots": capacity_store.FULL_SLOTS,
    "find coupon": promotions_store.FIND,
    "lock coupons": promotions_store.LOCK_LIMITED,
    "guests": promotions_store.GUESTS,
    "count": promotions_store.COUNT,
    "count guests": promotions_store.COUNT_GUESTS,
    "coupons of orders": promotions_store.COUPONS_OF,
    "release": promotions_store.RELEASE,
    "confirm": promotions_store.CONFIRM,
}


def scanned(plan: dict[str, Any]) -> set[str]:
    """Return the tables that a plan reads from end to end."""
    found = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    for below in plan.get("Plans", ()):
        found |= scanned(below)
    return found


@pytest.mark.slow  # It fills nine tables with up to 100,000 rows.
async def test_no_hot_query_reads_a_large_table_from_end_to_end(database: Database) -> None:
    """Planned for whatever values may come, each query of the hot path goes by an index."""
    guilty: dict[str, set[str]] = {}
    async with database.connection() as connection:
        # Foreign keys are not what is tried here, and checking them row by row takes most of the time.
        await connection.execute("SET session_replication_role = replica")
        for statement in FILL:
            await connection.execute(statement)
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for number, (name, sql) in enumerate(HOT.items()):
            await connection.execute(f"PREPARE hot_{number} AS {sql}")
            nulls = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", sql)))
            explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot_{number} ({nulls})")
            tables = scanned(json.loads(explained)[0]["Plan"])
            if tables:
                guilty[name] = tables
    assert guilty == {}
