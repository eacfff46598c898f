"""When a limiter last looked whether a permit still holds: the moment at which a call begins.

Between that look and the first line of the call nothing is awaited, but the operating system may stop a process
anywhere; a test that took the time in the call itself would see that as a call that came late.
"""

from typing import Any

from comanda.engine.clock import Clock
from comanda.engine.rates import Limiter, Permit


class NotedChecks:
    """Notes each look, by wrapping `Limiter.fresh`; `undo` takes that back.

    Attributes:
        at: the moment of the last look, on the monotonic clock; None when a call has taken it.
    """

    def __init__(self, clock: Clock) -> None:
        self.at: float | None = None
        self._original: Any = Limiter.fresh

        def fresh(limiter: Limiter, permit: Permit) -> bool:
            holds: bool = self._original(limiter, permit)
            self.at = clock.monotonic()
            # Looked at again, for the moment that is noted must be the moment that was judged.
            return holds and self.at - permit.asked_at <= permit.slack_s

        setattr(Limiter, "fresh", fresh)  # noqa: B010 - wrapped on purpose

    def take(self) -> float:
        """Return the moment at which the call that is under way began; fail where nobody looked before it."""
        at, self.at = self.at, None
        assert at is not None, "A call began without a look at its permit."
        return at

    def undo(self) -> None:
        """Let limiters look unnoticed again."""
        setattr(Limiter, "fresh", self._original)  # noqa: B010 - as above
