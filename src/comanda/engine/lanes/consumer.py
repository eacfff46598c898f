"""What reacts to events: consumers, and the values that shape their lanes.

A consumer that only writes to the database is a function `(tx, event)`: its writes and its cursor are one commit.
A consumer that calls the outside is three functions: `claim` writes down who is about to do what, `perform` calls
with no transaction open, `conclude` writes what came of it together with the cursor.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from comanda.engine.database.transaction import Transaction
from comanda.engine.events.event import Event

Handler = Callable[[Transaction, Any], Awaitable[None]]
Claim = Callable[[Transaction, Any], Awaitable[Any]]
Perform = Callable[[Any], Awaitable[Any]]
Conclude = Callable[[Transaction, Any, Any], Awaitable[None]]
ClaimAll = Callable[[Transaction, Sequence[Any]], Awaitable[Sequence[Any]]]
ConcludeAll = Callable[[Transaction, Sequence[tuple[Any, Any]]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How a failing event is tried again: exponential backoff with full jitter, capped, and then a dead letter.

    Attributes:
        limit: tries in all, the first included; after the last the event becomes a dead letter.
        first_s: the longest wait before the second try; it doubles with each.
        most_s: no wait is longer.
    """

    limit: int = 12
    first_s: float = 0.5
    most_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A consumer of events and the shape of its lane.

    Attributes:
        name: `context.what_it_does`; its cursor's and its lane's name, never changed once in use.
        on: the event types it wants; all others pass it by.
        handle: called once per event, in the transaction that also moves the cursor.
        batch: events read and committed together, at most.
        ordered: whether a parked event holds back later events of its own key.
        retries: what happens to an event whose handler raises.
    """

    name: str
    on: tuple[type[Event], ...]
    handle: Handler | None = None
    batch: int = 100
    ordered: bool = True
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, kw_only=True)
class OutsideConsumer(Consumer):
    """A consumer that calls the outside world, with no transaction open while it does.

    Attributes:
        claim: `(tx, event) -> work | None`: writes that the call is about to be made; None when there is none to make.
        perform: `(work) -> outcome`: makes the call. Raises `RetryLater` to be called again with the same work.
        conclude: `(tx, work, outcome)`: writes what came of it.
        claim_all: `(tx, events) -> works`, in the events' order: as `claim`, for a batch with few statements. Optional.
        conclude_all: `(tx, [(work, outcome), …])`: as `conclude`, for a batch. Optional.
        concurrency: calls under way at the same time in one worker, at most.
    """

    claim: Claim
    perform: Perform
    conclude: Conclude
    claim_all: ClaimAll | None = None
    conclude_all: ConcludeAll | None = None
    concurrency: int = 16
    batch: int = 32


def consumer(
    name: str,
    on: Sequence[type[Event]],
    *,
    batch: int = 100,
    ordered: bool = True,
    retries: Retries | None = None,
) -> Callable[[Handler], Consumer]:
    """Make a `Consumer` of an async function `(tx, event)`.

    Example:
        ```python
        @consumer("kitchen.tickets", on=[OrderPaid])
        async def make_ticket(tx: Transaction, event: OrderPaid) -> None:
            await tx.execute("INSERT INTO …", event.order_id)
        ```
    """

    def wrap(handle: Handler) -> Consumer:
        return Consumer(
            name=name, on=tuple(on), handle=handle, batch=batch, ordered=ordered, retries=retries or Retries()
        )

    return wrap


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """Work done every so often by one worker at a time, whoever that is.

    Attributes:
        name: `context.what_it_does`; the name of its lock.
        every_s: seconds between the start of one run and the next.
        run: the work; it opens its own transactions. What it raises is logged, and it runs again in its turn.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
