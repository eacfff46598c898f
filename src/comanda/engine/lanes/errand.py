"""An errand: one event on its way through claim, perform and conclude."""

from typing import Any

import msgspec

from comanda.engine.lanes.source import LoggedEvent


class Errand(msgspec.Struct, eq=False):
    """One event on its way through claim, perform and conclude.

    Attributes:
        attempts: tries that have failed before this one.
        parked: whether it waits among the parked events; else it came from the source just now.
        work: what the claim returned; None when nothing is to be done.
        outcome: what the call returned.
        error: why the claim or the call failed.
        held_back: whether it waits behind a parked event of its key, untried.
        wait_s: how long it must wait for its rate, untried; None where it need not.
        late: whether its call goes on beside its batch.
        called: whether its call has ended.
        span: of all this, where one was begun.
    """

    event: LoggedEvent
    attempts: int = 0
    parked: bool = False
    work: Any = None
    outcome: Any = None
    error: Exception | None = None
    held_back: bool = False
    wait_s: float | None = None
    late: bool = False
    called: bool = False
    span: Any = None

    @property
    def to_call(self) -> bool:
        """Whether there is a call to make."""
        return self.error is None and not self.held_back and self.wait_s is None and self.work is not None
