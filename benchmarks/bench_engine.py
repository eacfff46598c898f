"""The engine beside its peers and a bare loop: enqueuing, draining, latency, memory; the same servers, in one run.

Everything is measured in turns and medians are taken, because the machine's own speed changes from minute to minute by
more than what is looked for.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contenders import (
    CEILING,
    DRAMATIQ,
    ENGINE,
    FASTSTREAM,
    HERE,
    PEERS_PYTHON,
    PGQUEUER,
    Contender,
    Servers,
    count_effects,
    servers,
    settle,
    told,
    working,
)
from report import RESULTS, commit, write

DRAINED = {
    "no-op": [
        Contender("ceiling: asyncpg, 500 at once", CEILING, ("noop batched",), 400_000),
        Contender("comanda, batched", ENGINE, ("noop batched", "500"), 400_000),
        Contender("comanda", ENGINE, ("noop", "500"), 200_000),
        Contender("pgqueuer", PGQUEUER, ("noop",), 30_000),
        Contender("dramatiq", DRAMATIQ, ("noop",), 10_000, redis=True),
        Contender("FastStream, batched", FASTSTREAM, ("noop",), 60_000, redis=True),
    ],
    "a row each": [
        Contender("ceiling: asyncpg, 500 at once", CEILING, ("effect batched",), 200_000),
        Contender("comanda, batched", ENGINE, ("effect batched", "500"), 200_000),
        Contender("comanda", ENGINE, ("effect", "500"), 50_000),
        Contender("pgqueuer", PGQUEUER, ("effect",), 15_000),
        Contender("FastStream, batched", FASTSTREAM, ("effect",), 60_000, redis=True),
    ],
}

WAITED_FOR = [
    Contender("comanda", ENGINE, ("latency", "100"), 0),
    Contender("pgqueuer", PGQUEUER, ("latency",), 0),
    Contender("dramatiq", DRAMATIQ, ("latency",), 0, redis=True),
    Contender("FastStream, batched", FASTSTREAM, ("latency",), 0, redis=True),
]

ALONE = Contender("comanda, no other lane", ENGINE, ("latency", "100"), 0)
BESIDE_SLOW = {
    "direct": Contender("comanda, beside a lane of 1 s", ENGINE, ("latency beside slow", "100"), 0),
    "outside": Contender(
        "comanda, beside a lane that calls for 1 s", ENGINE, ("latency beside slow outside", "100"), 0
    ),
}
SLOW_TURNS = 8
"""Of fewer waits than 3,200, chance alone moves the p99 by more than the tenth that is asked for."""

REMEMBERED = Contender("comanda, batched", ENGINE, ("noop batched", "500"), 0)
BACKLOGS = (1_000, 1_000_000)

STEP = 1_000
SAMPLES = 400
GAP_S = 0.025

GOALS = {
    "batched_effect_to_pgqueuer": "a batched handler with a row per event at least 4 times pgqueuer's no-op rate",
    "noop_each_to_pgqueuer": "a handler called once per event at least 2 times pgqueuer's no-op rate: no-op",
    "effect_each_to_pgqueuer": "the same with a row per event",
    "batched_noop_to_faststream": "no-op batched above FastStream (above 1)",
    "p50_ms": "from commit to handler on an idle worker p50 under 3 ms",
    "p99_ms": "p99 under 8 ms",
    "memory_ratio": "a worker's memory flat in the backlog: its peak at 1,000,000 by that at 1,000",
    "slow_direct_to_alone_p99": "a lane with handlers of 1 s changes another lane's p99 by less than 10 %",
    "slow_outside_to_alone_p99": "the same for a lane that calls the outside for 1 s",
}

NOTES = [
    (
        "All on the same cores: two servers (PostgreSQL as `comanda up` sets it, fsync on; Redis with its append-only "
        "file synced every second), the worker processes, and, for latencies, the process that emits. Rates and "
        "latencies are medians of interleaved rounds."
    ),
    (
        "Peers come from PyPI into an environment of their own (`benchmarks/peers/requirements.txt`) and are used as "
        "their guides have it for speed. Redis holds its jobs in memory, not in the caller's transaction."
    ),
    (
        "A row each: an effect in PostgreSQL for every event, committed; comanda's in the transaction of its cursor, "
        "which does not wait for the disk (decision 0070: after a crash both are gone, and the event comes again)."
    ),
    "Enqueue: one process, each transaction with a row of the caller's; for Redis in pipelines (dramatiq has none).",
    "Latency: from the moment the commit returned to the emitter until the handler is called; one event each 25 ms.",
]

Figures = dict[str, list[float]]


async def drain(
    on: Servers, case: str, contender: Contender, *, processes: int, scale: float, figures: Figures
) -> None:
    """Fill a database and let `processes` workers empty it."""
    jobs = max(STEP, int(contender.jobs * scale * (1 if processes == 1 else 1.5)) // STEP * STEP)
    async with on.fresh(contender) as url:
        address = on.address(contender, url)
        filled = await told([*contender.program, "fill", address, str(jobs), str(STEP)])
        if not contender.redis:
            await settle(url)
        async with working(contender, address, processes=processes, effects_url=url) as workers:
            began = await workers.go()
            ended = await workers.until(jobs)
            await workers.end()
        effects = await count_effects(url)
    if case != "no-op" and effects != jobs:
        raise SystemExit(f"{contender.name}: {jobs} jobs left {effects} effects")
    figures[f"enqueue {STEP}|{contender.name}|1"].append(jobs / filled["s"])
    figures[f"{case}|{contender.name}|{processes}"].append(jobs / (ended - began))
    print(f"{case}, {contender.name}, {processes}: {jobs / (ended - began):,.0f}/s", flush=True)


async def enqueue_singly(on: Servers, contender: Contender, figures: Figures) -> None:
    """Enqueue one event per transaction."""
    count = 2_000
    async with on.fresh(contender) as url:
        filled = await told([*contender.program, "fill", on.address(contender, url), str(count), "1"])
    figures[f"enqueue 1|{contender.name}|1"].append(count / filled["s"])


async def wait_for(on: Servers, contender: Contender, *, slow: int = 0) -> list[float]:
    """Return, sorted, how many milliseconds passed between commits and their handlers' calls."""
    async with on.fresh(contender) as url:
        address = on.address(contender, url)
        if contender.redis:
            # Makes the stream and its group, as a worker that is there first would.
            await told([*contender.program, "fill", address, "0", "1"])
        if slow:
            await told([*contender.program, "creep", address, str(slow)])
        async with working(contender, address, processes=1, effects_url=url) as workers:
            await workers.go()
            await asyncio.sleep(2.0)
            emitted = await told([*contender.program, "emit", address, str(SAMPLES), str(GAP_S)])
            await workers.until(SAMPLES)
            handled = dict(await workers.end())
    return sorted((handled[number] - at) * 1000 for number, at in emitted["stamps"])


async def remember(on: Servers, backlog: int) -> float:
    """Return the largest size in MiB of a worker that drains `backlog` events."""
    async with on.fresh(REMEMBERED) as url:
        await told([*ENGINE, "fill", url, str(backlog), str(STEP)])
        async with working(REMEMBERED, url, processes=1, effects_url=url) as workers:
            await workers.go()
            await workers.until(backlog)
            memory = workers.memory_mib()
            await workers.end()
    return memory


def at(share: float, values: Sequence[float]) -> float:
    """Return the value below which `share` of sorted `values` lie."""
    return values[min(len(values) - 1, int(len(values) * share))]


async def measure(rounds: int, scale: float, *, only: Sequence[str]) -> None:
    """Run it all and write the report."""
    figures: Figures = defaultdict(list)
    async with servers() as on:
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", flush=True)
            if "drain" in only:
                await _drain_all(on, scale, figures)
            if "latency" in only:
                for contender in WAITED_FOR:
                    waits = await wait_for(on, contender)
                    figures[f"p50|{contender.name}|1"].append(at(0.5, waits))
                    figures[f"p99|{contender.name}|1"].append(at(0.99, waits))
                    print(f"{contender.name}: p50 {at(0.5, waits):.2f} ms, p99 {at(0.99, waits):.2f} ms", flush=True)
        if "slow" in only:
            await _compare_slow(on, figures)
        if "memory" in only:
            for backlog in BACKLOGS:
                figures[f"memory {backlog}|{REMEMBERED.name}|1"].append(await remember(on, backlog))
    _report(figures, only)


def _report(figures: Figures, only: Sequence[str]) -> None:
    """Write the report of all parts: of those that were not measured now, as they stand in the last one."""
    parts = _parts(only)
    if set(only) != set(PARTS):
        figures = {**_measured_before(), **figures}
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ratios = _ratios(medians)
    notes = NOTES + [f"{text}: {ratios[name]:.2f}" for name, text in GOALS.items() if name in ratios]
    for note in notes[len(NOTES) :]:
        print(note)
    elsewhen = sorted(f"{part} on {when}" for part, when in parts.items() if part not in only)
    if elsewhen:
        notes.append(f"Parts that were measured in an earlier run: {', '.join(elsewhen)}.")
    everything: dict[str, Any] = {
        **ratios,
        "medians": medians,
        "each": dict(figures),
        "peers": _versions(),
        "parts": parts,
    }
    write("engine", "The engine", everything, _rows(medians), notes)


def _standing() -> dict[str, Any]:
    path = RESULTS / "engine.json"
    standing: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return standing


def _parts(only: Sequence[str]) -> dict[str, str]:
    """Return when each part was measured, and at which commit."""
    standing = _standing()
    before = f"{standing['at']}, commit {standing['commit']}" if standing else "no day"
    told = standing.get("figures", {}).get("parts", dict.fromkeys(PARTS, before))
    now = f"{datetime.now(UTC).isoformat(timespec='seconds')}, commit {commit()}"  # noqa: TID251 - a script's own date
    return {**told, **dict.fromkeys(only, now)}


def _measured_before() -> Figures:
    """Return the figures of the report that stands, of those contenders that there still are."""
    contenders = {contender.name for several in DRAINED.values() for contender in several}
    contenders |= {contender.name for contender in (*WAITED_FOR, ALONE, *BESIDE_SLOW.values(), REMEMBERED)}
    each: Figures = _standing().get("figures", {}).get("each", {})
    return {name: values for name, values in each.items() if name.split("|")[1] in contenders}


async def _drain_all(on: Servers, scale: float, figures: Figures) -> None:
    for case, contenders in DRAINED.items():
        for processes in (1, 2):
            for contender in contenders:
                await drain(on, case, contender, processes=processes, scale=scale, figures=figures)
    for contender in DRAINED["no-op"]:
        if not contender.redis and contender.name != "comanda":
            await enqueue_singly(on, contender, figures)


async def _compare_slow(on: Servers, figures: Figures) -> None:
    contenders = [(ALONE, 0), *((contender, 2_000) for contender in BESIDE_SLOW.values())]
    waits: dict[str, list[float]] = defaultdict(list)
    for turn in range(SLOW_TURNS):
        for contender, slow in reversed(contenders) if turn % 2 else contenders:
            waits[contender.name] += await wait_for(on, contender, slow=slow)
    for name, each in waits.items():
        each.sort()
        figures[f"p50|{name}|1"].append(at(0.5, each))
        figures[f"p99|{name}|1"].append(at(0.99, each))


def _ratios(medians: dict[str, float]) -> dict[str, float]:
    pairs = {
        "batched_effect_to_pgqueuer": ("a row each|comanda, batched|1", "no-op|pgqueuer|1"),
        "batched_effect_to_pgqueuer_2": ("a row each|comanda, batched|2", "no-op|pgqueuer|2"),
        "noop_each_to_pgqueuer": ("no-op|comanda|1", "no-op|pgqueuer|1"),
        "noop_each_to_pgqueuer_2": ("no-op|comanda|2", "no-op|pgqueuer|2"),
        "effect_each_to_pgqueuer": ("a row each|comanda|1", "no-op|pgqueuer|1"),
        "effect_each_to_pgqueuer_effect": ("a row each|comanda|1", "a row each|pgqueuer|1"),
        "batched_noop_to_faststream": ("no-op|comanda, batched|1", "no-op|FastStream, batched|1"),
        "batched_noop_to_faststream_2": ("no-op|comanda, batched|2", "no-op|FastStream, batched|2"),
        "memory_ratio": (f"memory {BACKLOGS[1]}|{REMEMBERED.name}|1", f"memory {BACKLOGS[0]}|{REMEMBERED.name}|1"),
    }
    for kind, contender in BESIDE_SLOW.items():
        for share in ("p50", "p99"):
            pairs[f"slow_{kind}_to_alone_{share}"] = (f"{share}|{contender.name}|1", f"{share}|{ALONE.name}|1")
    ratios = {
        name: medians[up] / medians[down] for name, (up, down) in pairs.items() if up in medians and down in medians
    }
    for share in ("p50", "p99"):
        if f"{share}|comanda|1" in medians:
            ratios[f"{share}_ms"] = medians[f"{share}|comanda|1"]
    return ratios


def _rows(medians: dict[str, float]) -> list[dict[str, Any]]:
    rows = []
    peer = {processes: medians[f"no-op|pgqueuer|{processes}"] for processes in "12"}
    for name, value in medians.items():
        case, contender, processes = name.split("|")
        if case == "p99":
            continue
        row: dict[str, Any] = {"case": case, "contender": contender, "workers": processes}
        row |= dict.fromkeys(("events/s", "to pgqueuer's no-op", "p50 ms", "p99 ms", "peak MiB"), "")
        if case == "p50":
            row |= {"case": "latency, idle", "p50 ms": value, "p99 ms": medians[f"p99|{contender}|{processes}"]}
        elif case.startswith("memory"):
            row |= {"case": f"backlog of {int(case.split()[1]):,}", "peak MiB": value}
        elif case.startswith("enqueue"):
            row |= {"case": f"enqueue, {int(case.split()[1]):,} at once", "workers": "", "events/s": round(value)}
        else:
            row |= {"events/s": round(value), "to pgqueuer's no-op": value / peer[processes]}
        rows.append(row)
    order = ["no-op", "a row each", "enqueue", "latency", "backlog"]
    return sorted(rows, key=lambda row: next(n for n, start in enumerate(order) if row["case"].startswith(start)))


def _versions() -> dict[str, str]:
    lines = (HERE / "peers" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line and not line.startswith(" "))
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return {name: pinned[name] for name in ("pgqueuer", "dramatiq", "faststream", "redis")} | {"server": redis.strip()}


PARTS = ("drain", "latency", "slow", "memory")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of every measurement, in turns")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of jobs")
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=PARTS, help="parts to measure anew; the others stay as they were"
    )
    given = parser.parse_args()
    if not PEERS_PYTHON.exists():
        raise SystemExit("the peers are not installed: make .tools/peers")
    asyncio.run(measure(given.rounds, given.scale, only=given.only))


if __name__ == "__main__":
    main()
