"""What reacts to events: consumers, and the plain values that shape their lanes.

A consumer that only writes to the database is a function `(tx, event)`, or `(tx, events)` where it takes a `Batch`:
its writes and its cursor are one commit. A consumer that calls the outside is three functions: `claim` writes down who
is about to do what, `perform` calls with no transaction open, `conclude` writes what came of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from comanda.engine.database.transaction import Transaction
from comanda.engine.events.event import Event
from comanda.engine.events.log import SHARDS
from comanda.engine.rates.rate import Rate

Handler = Callable[[Transaction, Any], Awaitable[None]]
Claim = Callable[[Transaction, Any], Awaitable[Any]]
Perform = Callable[[Any], Awaitable[Any]]
Conclude = Callable[[Transaction, Any, Any], Awaitable[None]]
ClaimAll = Callable[[Transaction, Sequence[Any]], Awaitable[Sequence[Any]]]
PerformAll = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]
ConcludeAll = Callable[[Transaction, Sequence[tuple[Any, Any]]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How a failing event is tried again: exponential backoff with full jitter, capped, and then a dead letter.

    Attributes:
        limit: tries in all, the first included; after the last the event becomes a dead letter.
        first_s: the longest wait before the second try; it doubles with each.
        most_s: no wait is longer.
        dead: errors with which an event becomes a dead letter at once, as with `DeadLetter`.
        drop: errors with which an event is let go, as with `Dropped`: it counts as handled, without an effect.
    """

    limit: int = 12
    first_s: float = 0.5
    most_s: float = 300.0
    dead: tuple[type[Exception], ...] = ()
    drop: tuple[type[Exception], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A handler that takes many events at once, in one transaction.

    Attributes:
        size: events in one call, at most.
        linger_s: how long an event may wait for others before a batch that is not full is handled.
    """

    size: int = 500
    linger_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A consumer of events and the shape of its lane.

    Attributes:
        name: `context.what_it_does`; its cursor's and its lane's name, never changed once in use.
        on: the event types it wants; all others pass it by.
        handle: called once per event, in the transaction that also moves the cursor; with `takes`, once per batch.
        takes: set where `handle` takes a list of events.
        raw: whether `handle` gets each event as it was logged (`LoggedEvent`), not decoded.
        batch: events read and committed together, at most.
        ordered: whether a parked event holds back later events of its own key.
        retries: what happens to an event whose handler raises.
        shards: into how many shards the lane is cut at first (1, 2, 4, 8 or 16); `comanda lanes` changes it.
        rates: how fast it may go, over all workers together.
        share: of a worker's time, beside the other lanes' when there is not enough for all.
        since: where a consumer that is new begins: None is the oldest event there is.
    """

    name: str
    on: tuple[type[Event], ...]
    handle: Handler | None = None
    takes: Batch | None = None
    raw: bool = False
    batch: int = 100
    ordered: bool = True
    retries: Retries = field(default_factory=Retries)
    shards: int = SHARDS
    rates: tuple[Rate, ...] = ()
    share: int = 10
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.shards < 1 or SHARDS % self.shards:
            raise ValueError(f"{self.name}: the number of shards divides {SHARDS}: not {self.shards}.")
        if self.share < 1:
            raise ValueError(f"{self.name}: a share is at least 1: not {self.share}.")
        if self.since is not None and self.since.tzinfo is None:
            raise ValueError(f"{self.name}: the time since which it reads has a time zone.")

    @property
    def names(self) -> list[str] | None:
        """The names of the events it wants; None where it wants all, also those that no one here knows."""
        return [kind.name for kind in self.on] if self.on else None

    @property
    def size(self) -> int:
        """Events read and committed together, at most."""
        return self.batch if self.takes is None else self.takes.size


@dataclass(frozen=True, kw_only=True)
class OutsideConsumer(Consumer):
    """A consumer that calls the outside world, with no transaction open while it does.

    Attributes:
        claim: `(tx, event) -> work | None`: writes that the call is about to be made; None when there is none to make.
        perform: `(work) -> outcome`: makes the call. Raises `RetryLater` to be called again with the same work.
        conclude: `(tx, work, outcome)`: writes what came of it.
        claim_all: `(tx, events) -> works`, in the events' order: as `claim`, for a batch with few statements. Optional.
        perform_all: `(works) -> outcomes`, in the works' order, an exception where one failed: one call for a batch.
            Then a batch may hold several events of one key, and the call keeps their order. Optional.
        conclude_all: `(tx, [(work, outcome), …])`: as `conclude`, for a batch. Optional.
        concurrency: calls under way at the same time in one worker, at most.
        patience_s: how long a batch waits for its slowest call; one that takes longer goes on by itself, and its
            event is parked meanwhile, so that it holds up its own key alone.
        call_s: how long one call may take at most; it is cancelled then, and counts as failed.
    """

    claim: Claim
    perform: Perform
    conclude: Conclude
    claim_all: ClaimAll | None = None
    perform_all: PerformAll | None = None
    conclude_all: ConcludeAll | None = None
    concurrency: int = 16
    batch: int = 32
    patience_s: float = 0.5
    call_s: float = 60.0


def consumer(
    name: str,
    on: Sequence[type[Event]],
    *,
    batch: int | Batch = 100,
    ordered: bool = True,
    retries: Retries | None = None,
    rates: Sequence[Rate] = (),
    shards: int = SHARDS,
    share: int = 10,
    since: datetime | None = None,
) -> Callable[[Handler], Consumer]:
    """Make a `Consumer` of an async function `(tx, event)`, or `(tx, events)` where `batch` is a `Batch`.

    Example:
        ```python
        @consumer("kitchen.tickets", on=[OrderPaid])
        async def make_ticket(tx: Transaction, event: OrderPaid) -> None:
            await tx.execute("INSERT INTO …", event.order_id)


        @consumer("sales.figures", on=[OrderPaid], batch=Batch(size=500, linger_s=0.1))
        async def add_up(tx: Transaction, events: list[OrderPaid]) -> None:
            await tx.execute("INSERT INTO … SELECT … FROM unnest($1::uuid[])", [event.order_id for event in events])
        ```
    """

    def wrap(handle: Handler) -> Consumer:
        return Consumer(
            name=name,
            on=tuple(on),
            handle=handle,
            takes=batch if isinstance(batch, Batch) else None,
            batch=batch.size if isinstance(batch, Batch) else batch,
            ordered=ordered,
            retries=retries or Retries(),
            rates=tuple(rates),
            shards=shards,
            share=share,
            since=since,
        )

    return wrap


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """Work done every so often by one worker at a time, whoever that is.

    Attributes:
        name: `context.what_it_does`; the name of its lock.
        every_s: seconds between the start of one run and the next.
        run: the work; it opens its own transactions. What it raises is logged, and it runs again in its turn.
        most_s: a run that takes longer is given up.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
    most_s: float = 120.0
