"""The protocol of log, leases and cursors, played by Hypothesis over the real SQL, whole and with its guards taken out.

`COMANDA_PROTOCOL_EXAMPLES` and `COMANDA_PROTOCOL_STEPS` make the exploration longer and different each time.
"""

import os
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from comanda.engine.lanes import leases, log_source, parking
from comanda.engine.lanes.horizon import HORIZON
from comanda.engine.tables import POSITION
from tests.simulation.protocol.machine import ProtocolMachine, Violation
from tests.simulation.protocol.stage import Stage

EXAMPLES = int(os.environ.get("COMANDA_PROTOCOL_EXAMPLES", "20"))
MUTANT_EXAMPLES = 200
"""In how many plays a planted fault is found, at the most."""

STEPS = int(os.environ.get("COMANDA_PROTOCOL_STEPS", "40"))


def settings(*, examples: int, phases: tuple[Phase, ...], seeded: bool) -> hypothesis.settings:
    """Return how long and how to play."""
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=seeded,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


def machine_on(stage: Stage) -> type[ProtocolMachine]:
    """Return the machine that plays on `stage`."""

    class Bound(ProtocolMachine):
        def __init__(self) -> None:
            super().__init__(stage)

    return Bound


@pytest.fixture
def stage(database_url: str) -> Iterator[Stage]:
    """A stage on a database of the test's own."""
    stage = Stage(database_url)
    yield stage
    stage.close()


@pytest.mark.slow  # Some two thousand steps, each a statement or more.
def test_whatever_happens_each_event_takes_effect_once_and_in_order(stage: Stage) -> None:
    """Transactions early and late, workers paused, silent, believed dead and back, lanes cut anew: nothing breaks."""
    longer = "COMANDA_PROTOCOL_EXAMPLES" in os.environ
    phases = (Phase.generate, Phase.shrink) if longer else (Phase.generate,)
    run_state_machine_as_test(machine_on(stage), settings=settings(examples=EXAMPLES, phases=phases, seeded=not longer))


def position_is(stage: Stage, expression: str) -> None:
    """Have the log's positions computed so, in every partition."""

    async def change() -> None:
        partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'engine.events'::regclass"
        for (table,) in (*await stage.observer.fetch(partitions), ("engine.events",)):
            await stage.observer.execute(f"ALTER TABLE {table} ALTER position SET DEFAULT {expression}")

    stage.run(change())


def finds_a_fault(stage: Stage) -> None:
    """Play until a promise is broken; fail when none is."""
    with pytest.raises(Violation):
        run_state_machine_as_test(
            machine_on(stage),
            settings=settings(examples=MUTANT_EXAMPLES, phases=(Phase.generate,), seeded=True),
        )


class Planted(NamedTuple):
    """A guard taken out of a statement: the text `guard` is replaced by `without`."""

    module: ModuleType
    statement: str
    guard: str
    without: str = ""


@pytest.mark.slow  # It plays until it finds the fault.
@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(Planted(log_source, "READ", f"AND e.position < {HORIZON}"), id="the horizon of a read"),
        pytest.param(Planted(log_source, "MOVE", "AND c.epoch = held.epoch"), id="the epoch in the cursor's move"),
        pytest.param(Planted(leases, "FENCE", "AND c.epoch = held.epoch"), id="the epoch in the fence of a retry"),
        pytest.param(Planted(leases, "TAKE", "epoch = c.epoch + 1,"), id="the epoch's rise when a shard is taken"),
        pytest.param(Planted(parking, "HELD_KEYS", "SELECT DISTINCT key", "SELECT '' AS key"), id="keys held back"),
        pytest.param(
            Planted(log_source, "SKIP", "AND e.name = ANY ($4::text[])", "AND e.name <> ALL ($4::text[])"),
            id="what a skip must not pass",
        ),
    ],
)
def test_with_a_guard_taken_out_a_fault_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, planted: Planted
) -> None:
    """Planted: each guard is needed, and the machine sees it."""
    whole: str = getattr(planted.module, planted.statement)
    assert planted.guard in whole
    monkeypatch.setattr(planted.module, planted.statement, whole.replace(planted.guard, planted.without))
    finds_a_fault(stage)


@pytest.mark.slow  # It plays until it finds the fault.
@pytest.mark.parametrize("half", ["pg_current_xact_id()", "pg_snapshot_xmax(pg_current_snapshot())"])
def test_with_half_of_the_position_a_fault_is_found(stage: Stage, half: str) -> None:
    """Planted: an event's position is the later of two, and one alone loses an event or its order."""
    assert half in POSITION
    position_is(stage, half)
    finds_a_fault(stage)
