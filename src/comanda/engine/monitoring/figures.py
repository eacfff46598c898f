"""What is known of the lanes at one moment: plain values, for pages, metrics and terminals alike."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.engine.lanes.horizon import HorizonHolder
from comanda.engine.monitoring.workers import WorkerView


class MinuteFigures(msgspec.Struct, frozen=True):
    """What a lane did in a minute, in all workers together."""

    handled: int = 0
    failed: int = 0
    dead: int = 0
    busy_s: float = 0.0


class LaneWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as one lane sees it: what it holds of the lane, and for how many seconds more."""

    id: int
    host: str
    pid: int
    alive: bool
    hung: bool
    shards: list[int]
    left_s: float


class LaneOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A lane at one moment.

    Attributes:
        events: the names of the events it wants; None for all.
        shards: into how many it is cut.
        ordered: whether a parked event holds back its key.
        paused_at: since when it is paused, or None.
        backlog: events it has still to read.
        exact: whether the backlog was counted; else it is an estimate.
        age_s: of the oldest of them.
        in_per_s: events for it that arrived per second, in the last minute.
        out_per_s: events it handled per second, in the last one to two minutes.
        failed_hour, dead_hour: tries that failed and events that became dead letters, in the last hour.
        handled_ever, failed_ever, dead_ever, busy_ever_s: since the figures began; they never go back.
        waiting, dead: parked events, up to `PARKED_COUNTED`.
        workers: that serve it, or hold a part of it.
        minutes: of the last hour, the oldest first; the last is the present one.
    """

    lane: str
    events: list[str] | None
    shards: int
    ordered: bool
    paused_at: datetime | None
    backlog: int
    exact: bool
    age_s: float
    in_per_s: float
    out_per_s: float
    failed_hour: int
    dead_hour: int
    handled_ever: int
    failed_ever: int
    dead_ever: int
    busy_ever_s: float
    waiting: int
    dead: int
    workers: Sequence[LaneWorker]
    minutes: Sequence[MinuteFigures]

    @property
    def unattended(self) -> bool:
        """Whether no living worker serves it."""
        return not any(worker.alive for worker in self.workers)


class TimerFigures(msgspec.Struct, frozen=True):
    """Events that are to be logged later: how many, up to `TIMERS_COUNTED`, and how late the next one is."""

    pending: int = 0
    late_s: float = 0.0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All lanes at one moment.

    Attributes:
        at: the moment, by the database's clock.
        horizon: the transaction for which all lanes wait, or None.
    """

    at: datetime
    lanes: Sequence[LaneOverview]
    workers: Sequence[WorkerView]
    timers: TimerFigures
    horizon: HorizonHolder | None

    def lane(self, name: str) -> LaneOverview | None:
        """Return the lane of that name, or None."""
        return next((lane for lane in self.lanes if lane.lane == name), None)
