"""Orders through HTTP, beside pgbench writing the same rows one transaction each, on the same server in one run."""

import argparse
import asyncio
import re
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from peer import pgbench, script
from report import write
from served import Served, served

LUA = Path(__file__).parent / "orders.lua"
CONNECTIONS = (8, 32, 128)
USUAL = 32
"""Connections of the measurements that are compared with each other."""

TURNS = 15
TURN_S = 3
"""How often, and how long each time, an empty and a full database are measured in turns."""

ORDER_NOTE = (
    "An order: HTTP, validation, prices, a coupon, three lines, an idempotency key; two web processes, load by wrk, "
    "all on the same cores. No worker runs: what is measured is taking orders."
)

GOALS = {
    "to_pgbench": "orders/s at least 0.7 of pgbench's best",
    "duplicates_to_new": "duplicates at least twice the rate of new orders",
    "web_mib": "a web process under 150 MB through 200,000 orders",
    "full_to_empty": "the rate at 1,000,000 stored orders within 10 % of the rate at 1,000",
}

FILL = """
INSERT INTO ordering.orders (
    id, restaurant_id, number, form_hash, copy, status, customer_id, guest, fulfilment, fulfilment_type, due_at,
    currency, items, discount, tax, tax_added, fee, tip, total, coupon, menu_version, note, payment_method,
    idempotency_scope, idempotency_key, placed_at
)
SELECT uuidv7(make_interval(secs => -n)), o.restaurant_id, nextval('ordering.order_numbers'),
    decode(md5(n::text || $1), 'hex'), 1, 'completed', gen_random_uuid(), guest, fulfilment, fulfilment_type, due_at,
    currency, items, discount, tax, tax_added, fee, tip, total, coupon, menu_version, note, payment_method,
    idempotency_scope, 'filled ' || n || $1, placed_at - make_interval(secs => n)
FROM (SELECT * FROM ordering.orders ORDER BY placed_at LIMIT 1) o, generate_series(1, $2::int) n
"""

FILL_KEYS = """
INSERT INTO engine.idempotency_keys (scope, key, fingerprint, body_hash, status, answer, location, created_at)
SELECT scope, gen_random_uuid()::text, fingerprint, body_hash, status, answer, location, created_at
FROM (SELECT * FROM engine.idempotency_keys LIMIT 1) k, generate_series(1, $1::int)
"""


@dataclass(frozen=True)
class Load:
    """What wrk reached."""

    per_s: float
    p50_ms: float
    p99_ms: float
    requests: int


async def wrk(system: Served, *, connections: int, seconds: int, mode: str = "new", seed: str) -> Load:
    """Place orders with wrk; every answer must be 201."""
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "20s", "--latency"),
        *("-s", str(LUA), system.address, "--", mode, seed),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    found = re.search(
        r"RESULT requests=(\d+) seconds=([\d.]+) p50_ms=([\d.]+) p99_ms=([\d.]+) bad=(\d+) errors=(\d+)", output
    )
    if found is None or found[5] != "0" or found[6] != "0":
        raise SystemExit(output)
    return Load(int(found[1]) / float(found[2]), float(found[3]), float(found[4]), int(found[1]))


def rss_mib(pid: int) -> float:
    """Return the largest resident size that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def cpu_s(pids: list[int]) -> float:
    """Return the processor seconds that processes have used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / 100


async def fill(system: Served, count: int, seed: str) -> None:
    """Store `count` more orders, set-wise, with their keys."""
    connection = await asyncpg.connect(system.database_url)
    try:
        for part in range(0, count, 100_000):
            step = min(100_000, count - part)
            await connection.execute(FILL, f"{seed}{part}", step, timeout=600)
            await connection.execute(FILL_KEYS, step, timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


async def count_orders(system: Served) -> int:
    """Return how many orders are stored."""
    connection = await asyncpg.connect(system.database_url)
    try:
        number: int = await connection.fetchval("SELECT count(*) FROM ordering.orders")
    finally:
        await connection.close()
    return number


async def compare_full(stored: int) -> dict[str, Any]:
    """Return the rate at `stored` orders by the rate at a few thousand, of two systems measured in turns.

    In turns, because the machine's own speed changes within minutes by more than the difference that is looked for.
    """
    ratios, rates = [], []
    async with served() as empty, served() as full:
        for system in (empty, full):
            await wrk(system, connections=8, seconds=2, seed="warm")
        await fill(full, stored, "f")
        for turn in range(TURNS):
            pair = [(empty, "empty"), (full, "full")]
            if turn % 2:
                pair.reverse()
            rate = {}
            for system, name in pair:
                rate[name] = (await wrk(system, connections=USUAL, seconds=TURN_S, seed=f"{name}{turn}")).per_s
            ratios.append(rate["full"] / rate["empty"])
            rates.append(rate)
            print(rate, flush=True)
        return {
            "full_to_empty": statistics.median(ratios),
            "full_to_empty_each": ratios,
            "full_and_empty_rates": rates,
            "stored": await count_orders(full),
            "stored_empty": await count_orders(empty),
        }


async def measure(seconds: int, stored: int, through: int) -> None:
    """Run it all and write the report."""
    rows: list[dict[str, Any]] = []
    figures: dict[str, Any] = {}
    async with served() as system:
        await wrk(system, connections=8, seconds=2, seed="warm")
        sql = await script(system.database_url)
        best_peer = best_new = 0.0
        for connections in CONNECTIONS:
            before = cpu_s(system.pids)
            new = await wrk(system, connections=connections, seconds=seconds, seed=f"new{connections}")
            spent = (cpu_s(system.pids) - before) / new.requests * 1e6
            peer = await pgbench(system.database_url, sql, clients=connections, seconds=seconds)
            best_new, best_peer = max(best_new, new.per_s), max(best_peer, peer.per_s)
            rows.append(
                {
                    "connections": connections,
                    "orders/s": new.per_s,
                    "p50 ms": new.p50_ms,
                    "p99 ms": new.p99_ms,
                    "web µs/order": spent,
                    "pgbench/s": peer.per_s,
                    "ratio": new.per_s / peer.per_s,
                }
            )
            print(rows[-1], flush=True)
        figures["to_pgbench"] = best_new / best_peer
        same = await wrk(system, connections=USUAL, seconds=seconds, mode="same", seed="same")
        figures["duplicates_per_s"] = same.per_s
        figures["duplicates_to_new"] = same.per_s / next(row["orders/s"] for row in rows if row["connections"] == USUAL)
        print(figures, flush=True)
        placed = await count_orders(system)
        if through:
            while await count_orders(system) < placed + through:
                await wrk(system, connections=USUAL, seconds=20, seed=f"through{await count_orders(system)}")
            figures["web_mib"] = max(rss_mib(pid) for pid in system.pids)
            print(figures, flush=True)
    if stored:
        figures.update(await compare_full(stored))
        print(figures, flush=True)
    notes = [
        ORDER_NOTE,
        "pgbench: the same rows, one transaction each, prepared statements, no HTTP and no validation.",
        *(f"{text}: {figures[name]:.2f}" for name, text in GOALS.items() if name in figures),
    ]
    write("orders", "Orders", figures, rows, notes)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--stored", type=int, default=1_000_000, help="orders of the full database; 0 leaves it out")
    parser.add_argument("--through", type=int, default=200_000, help="orders for the memory; 0 leaves it out")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    asyncio.run(measure(given.seconds, given.stored, given.through))


if __name__ == "__main__":
    main()
