"""The operators' room, as `app.py` takes it."""

from collections.abc import Sequence
from pathlib import Path

from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.parked_desk import ParkedDesk
from comanda.operations.lane_pages import LanePages
from comanda.operations.log_pages import LogPages
from comanda.operations.metrics_door import MetricsDoor
from comanda.operations.stream import LaneStream
from comanda.operations.watch import LaneWatch
from comanda.web.access import StaffLink
from comanda.web.tally import RequestTally

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    StaffLink(path="/ops", title="Lanes", purpose="The machinery: backlog, workers, dead letters", roles=("operator",)),
)


def build(
    *,
    database: Database,
    consumers: Sequence[Consumer],
    clock: Clock,
    tally: RequestTally,
    metrics_token: str,
    lease_s: float,
) -> Module:
    """Return the module over all `consumers`; `metrics_token` opens `/metrics`, `lease_s` is the workers'."""
    by_name = {consumer.name: consumer for consumer in consumers}
    watch = LaneWatch(database, consumers, clock)
    return Module(
        name="operations",
        routes=[
            *LanePages(database, by_name, watch, ParkedDesk(database, lease_s=lease_s)).routes(),
            *LogPages(database, by_name, clock).routes(),
            *LaneStream(watch).routes(),
            *MetricsDoor(watch, tally, token=metrics_token).routes(),
        ],
        services=[watch],
        templates=TEMPLATES,
        staff_links=LINKS,
    )
