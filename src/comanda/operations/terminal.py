"""Lanes and parked events as tables for a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from comanda.engine.lanes.parked_desk import ParkedEvent
from comanda.engine.monitoring import LaneOverview, MinuteFigures, Overview
from comanda.operations.words import Condition, condition, count, parked_count, rate, since, span

STYLES: dict[Condition, str] = {
    "paused": "yellow",
    "unattended": "bold red",
    "behind": "yellow",
    "dead letters": "bold red",
    "retrying": "cyan",
    "well": "green",
}
BARS = " ▁▂▃▄▅▆▇█"
PER_BAR = 4
"""Minutes that one character of the last hour stands for."""

ERROR_LENGTH = 100
"""Characters of an error that a table shows."""


def lanes_table(seen: Overview) -> Group:
    """Return all lanes as a table, with what holds all of them up before it and who works after it."""
    table = _table(
        "Lane", "", "Backlog", "Oldest", "In", "Out", "Errors 1 h", "Waiting", "Dead", "Workers", "Last hour"
    )
    for lane in seen.lanes:
        how = condition(lane)
        table.add_row(
            Text(lane.lane, "bold"),
            Text(how, STYLES[how]),
            count(lane.backlog, exact=lane.exact),
            span(lane.age_s) if lane.backlog else "",
            rate(lane.in_per_s),
            rate(lane.out_per_s),
            _if_any(lane.failed_hour, "red"),
            _if_any(lane.waiting, ""),
            Text(parked_count(lane.dead) if lane.dead else "", "bold red"),
            f"{sum(worker.alive for worker in lane.workers)} of {lane.shards}",
            sparks(lane.minutes),
        )
    alive = sum(worker.alive for worker in seen.workers)
    gone = len(seen.workers) - alive
    told = f"{alive} worker{'s' if alive != 1 else ''} alive" + (f", {gone} gone" if gone else "")
    held = [Text(f"{seen.horizon}\n", "bold red")] if seen.horizon is not None else []
    return Group(*held, table, Text(f"\n{told}.", "dim"))


def parked_table(events: Sequence[ParkedEvent], now: datetime) -> Table:
    """Return parked events as a table."""
    table = _table("Lane", "Event", "Name", "Key", "State", "Tries", "Parked", "Next try", "Error")
    for event in events:
        dead = event.state == "dead"
        waits_behind = not dead and not event.attempts
        table.add_row(
            event.consumer,
            str(event.event_id),
            event.name,
            event.key,
            Text(event.state, "bold red" if dead else "yellow"),
            str(event.attempts),
            since(event.parked_at, now),
            "" if dead or waits_behind else since(event.next_at, now) if event.next_at > now else "now",
            Text(" ".join(event.error.split())[:ERROR_LENGTH]),
        )
    return table


def sparks(minutes: Sequence[MinuteFigures]) -> Text:
    """Return what was handled in the last hour as a line of bars, red where something failed."""
    groups = [minutes[start : start + PER_BAR] for start in range(0, len(minutes), PER_BAR)]
    most = max((sum(minute.handled for minute in group) for group in groups), default=0)
    line = Text()
    for group in groups:
        handled = sum(minute.handled for minute in group)
        failed = any(minute.failed for minute in group)
        height = -(-handled * (len(BARS) - 1) // most) if most else 0
        line.append(BARS[max(height, 1 if failed else 0)], "red" if failed else "green")
    return line


def lane_line(lane: LaneOverview) -> str:
    """Return a lane in one line, for what has just been done with it."""
    return f"{lane.lane}: {condition(lane)}, cut into {lane.shards}, backlog {count(lane.backlog, exact=lane.exact)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    right = {"Backlog", "Oldest", "In", "Out", "Errors 1 h", "Waiting", "Dead", "Event", "Tries"}
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column != "Error")
    return table


def _if_any(number: int, style: str) -> Text:
    return Text(count(number) if number else "", style)
