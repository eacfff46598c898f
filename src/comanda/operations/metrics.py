"""The lanes' figures for Prometheus. Names and labels are a public contract: docs/metrics.md, held by a test.

The lanes' figures come from the database, so every web process of a house tells the same of them, and one is enough to
ask. Requests are counted by each web process for itself, under its process id.
"""

import os
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from comanda.engine.monitoring import LaneOverview, Overview, WorkerView
from comanda.web.tally import RequestTally

LaneFigure = Callable[[LaneOverview], float]
WorkerFigure = Callable[[WorkerView], float]

LANE_GAUGES: Sequence[tuple[str, str, LaneFigure]] = (
    ("comanda_lane_backlog_events", "Events that the lane has still to read.", lambda lane: lane.backlog),
    (
        "comanda_lane_backlog_exact",
        "Whether the backlog was counted (1) or is an estimate (0).",
        lambda lane: lane.exact,
    ),
    ("comanda_lane_oldest_event_age_seconds", "Age of the oldest event to read.", lambda lane: lane.age_s),
    (
        "comanda_lane_arrivals_per_second",
        "Events for the lane that arrived in the last minute.",
        lambda lane: lane.in_per_s,
    ),
    ("comanda_lane_paused", "Whether an operator has paused the lane.", lambda lane: lane.paused_at is not None),
    ("comanda_lane_shards", "Shards that the lane is cut into.", lambda lane: lane.shards),
    (
        "comanda_lane_leased_shards",
        "The log's shards that living workers hold for the lane.",
        lambda lane: sum(len(worker.shards) for worker in lane.workers if worker.alive and worker.left_s > 0),
    ),
    (
        "comanda_lane_workers",
        "Living workers that serve the lane.",
        lambda lane: sum(worker.alive for worker in lane.workers),
    ),
)

LANE_COUNTERS: Sequence[tuple[str, str, LaneFigure]] = (
    (
        "comanda_lane_handled_events",
        "Events that took effect, or were let go by the handler.",
        lambda lane: lane.handled_ever,
    ),
    ("comanda_lane_failed_tries", "Tries to handle an event that failed.", lambda lane: lane.failed_ever),
    ("comanda_lane_dead_letters", "Events that became dead letters.", lambda lane: lane.dead_ever),
    ("comanda_lane_busy_seconds", "Seconds that workers spent on the lane's batches.", lambda lane: lane.busy_ever_s),
)

WORKER_GAUGES: Sequence[tuple[str, str, WorkerFigure]] = (
    ("comanda_worker_alive", "Whether the worker is connected and renews its leases.", lambda worker: worker.alive),
    (
        "comanda_worker_leased_shards",
        "Shards that the worker holds, over all lanes.",
        lambda worker: sum(len(lease.shards) for lease in worker.leases),
    ),
    (
        "comanda_worker_lease_seconds",
        "Until the first of the worker's leases ends; negative when one has run out.",
        lambda worker: min((lease.left_s for lease in worker.leases), default=0.0),
    ),
)


def exposition(seen: Overview, tally: RequestTally, accept: str) -> tuple[bytes, str]:
    """Return the figures and their media type, in the form (OpenMetrics or text) that `accept` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Seen(seen, tally))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Seen(Collector):
    """Tells one picture of the lanes, and what this process has answered."""

    def __init__(self, seen: Overview, tally: RequestTally) -> None:
        self._seen = seen
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from _of_lanes(self._seen.lanes)
        yield from _of_workers(self._seen.workers)
        yield from _of_the_house(self._seen)
        yield from _of_this_process(self._tally)


def _of_lanes(lanes: Sequence[LaneOverview]) -> Iterator[Metric]:
    for name, told, figure in LANE_GAUGES:
        gauge = GaugeMetricFamily(name, told, labels=["lane"])
        for lane in lanes:
            gauge.add_metric([lane.lane], float(figure(lane)))
        yield gauge
    for name, told, figure in LANE_COUNTERS:
        counter = CounterMetricFamily(name, told, labels=["lane"])
        for lane in lanes:
            counter.add_metric([lane.lane], float(figure(lane)))
        yield counter
    parked = GaugeMetricFamily("comanda_lane_parked_events", "Parked events by state.", labels=["lane", "state"])
    for lane in lanes:
        parked.add_metric([lane.lane, "waiting"], lane.waiting)
        parked.add_metric([lane.lane, "dead"], lane.dead)
    yield parked


def _of_workers(workers: Sequence[WorkerView]) -> Iterator[Metric]:
    for name, told, figure in WORKER_GAUGES:
        gauge = GaugeMetricFamily(name, told, labels=["worker", "host", "pid"])
        for worker in workers:
            gauge.add_metric([str(worker.id), worker.host, str(worker.pid)], float(figure(worker)))
        yield gauge


def _of_the_house(seen: Overview) -> Iterator[Metric]:
    yield GaugeMetricFamily("comanda_timers_pending", "Events that are to be logged later.", value=seen.timers.pending)
    yield GaugeMetricFamily("comanda_timers_late_seconds", "How late the next timer is.", value=seen.timers.late_s)
    yield GaugeMetricFamily(
        "comanda_horizon_held", "Whether all lanes wait for one transaction.", value=seen.horizon is not None
    )
    holder = GaugeMetricFamily(
        "comanda_horizon_holder_age_seconds",
        "Age of the transaction for which all lanes wait.",
        labels=["pid", "application"],
    )
    if seen.horizon is not None:
        pid = "" if seen.horizon.pid is None else str(seen.horizon.pid)
        holder.add_metric([pid, seen.horizon.application], seen.horizon.age_s)
    yield holder


def _of_this_process(tally: RequestTally) -> Iterator[Metric]:
    process = str(os.getpid())
    requests = CounterMetricFamily(
        "comanda_web_requests", "Requests that this web process has answered.", labels=["process", "kind", "status"]
    )
    for (kind, hundreds), number in sorted(tally.statuses.items()):
        requests.add_metric([process, kind, f"{hundreds}xx"], number)
    yield requests
    soon = HistogramMetricFamily(
        "comanda_web_answer_seconds", "How soon answers of this web process began.", labels=["process", "kind"]
    )
    for kind, answers in sorted(tally.answers.items()):
        soon.add_metric([process, kind], buckets=list(answers.cumulative()), sum_value=answers.sum_s)
    yield soon
