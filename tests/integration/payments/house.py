"""Payments with a real database and a real provider, whose lanes a test moves step by step."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from comanda.contexts.payments.api import webhooks
from comanda.contexts.payments.charging import Charging
from comanda.contexts.payments.consumers import charges, refunds, refunds_due
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import PaymentProvider
from comanda.contexts.payments.reconciliation import Reconciliation
from comanda.contexts.payments.refunding import Refunding
from comanda.contexts.payments.service import Settlement
from comanda.contracts.ordering import EVENTS as ORDERING_EVENTS
from comanda.contracts.ordering import (
    FulfilmentDetails,
    GuestDetails,
    OrderDocument,
    OrderEnded,
    OrderPlaced,
    Quote,
    RefundRequested,
)
from comanda.contracts.payments import EVENTS as PAYMENT_EVENTS
from comanda.engine.database import Database, Record
from comanda.engine.errors import RetryLater
from comanda.engine.events import Event, EventCatalogue, EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, OutsideConsumer
from tests.fakes.clock import FakeClock

CATALOGUE = EventCatalogue((*ORDERING_EVENTS, *PAYMENT_EVENTS))
RESTAURANT = UUID(int=7)


class House:
    """Payments, built as `module.build` builds it, with its parts in reach.

    Ids are really new: the sandbox is shared by all tests, and remembers. The clock stands still: what is due later is
    due when the test moves it.
    """

    def __init__(self, database: Database, provider: PaymentProvider, *, policy: Policy | None = None) -> None:
        self.database = database
        self.provider = provider
        self.clock = FakeClock()
        self.ids = RandomIds()
        self.policy = policy or Policy()
        self.log = EventLog(Waker(database))
        self.settlement = Settlement(self.log, self.clock, self.ids, self.policy, provider=provider.name)
        self.charging = Charging(provider, self.settlement, self.clock, self.ids, self.policy)
        self.refunding = Refunding(provider, self.settlement, self.clock, self.policy)
        self.reconciliation = Reconciliation(database, provider, self.charging, self.refunding, self.clock)
        self.routes = webhooks(database, provider, self.settlement)
        self.consumers: list[Consumer] = [
            charges(self.charging),
            refunds_due(self.settlement),
            refunds(self.refunding),
        ]
        self._read = dict.fromkeys((consumer.name for consumer in self.consumers), 0)

    def placed(self, *, total: int = 2000, method: str = "") -> OrderPlaced:
        """Return the fact of a new order."""
        order_id = self.ids.new()
        now = self.clock.now()
        return OrderPlaced(
            order_id=order_id,
            restaurant_id=RESTAURANT,
            order=OrderDocument(
                id=order_id,
                number=1,
                restaurant_id=RESTAURANT,
                restaurant_slug="demo",
                restaurant_name="Demo",
                timezone="UTC",
                locale="en",
                placed_at=now,
                tracking_path="/o/x",
                guest=GuestDetails(id=UUID(int=1), name="Ada", email="ada@example.com", phone="+390612345678"),
                fulfilment=FulfilmentDetails(type="pickup", asap=True, due_at=now),
                quote=Quote(
                    currency="EUR",
                    lines=(),
                    items=total,
                    discount=0,
                    tax=0,
                    tax_added=0,
                    fee=0,
                    tip=0,
                    total=total,
                ),
                payment_method=method,
            ),
        )

    def ended(self, order_id: UUID) -> OrderEnded:
        """Return the fact that an order was cancelled."""
        return OrderEnded(order_id=order_id, restaurant_id=RESTAURANT, status="cancelled", reason="no fish today")

    def refund(self, order_id: UUID, amount: int) -> RefundRequested:
        """Return the fact that staff want something given back."""
        return RefundRequested(
            order_id=order_id, restaurant_id=RESTAURANT, refund_id=self.ids.new(), amount=amount, reason="cold soup"
        )

    async def emit(self, *events: Event) -> None:
        """Let facts become true."""
        await self.database.run(lambda tx: self.log.emit(tx, *events))

    async def drain(self, *names: str, tries: int = 10) -> None:
        """Run the lanes (all, or those named) until nothing is left; `RetryLater` is tried again, `tries` in all."""
        found = True
        while found:
            found = False
            for consumer in self.consumers:
                if names and consumer.name not in names:
                    continue
                for row in await self._unread(consumer):
                    found = True
                    await self.handle(consumer, CATALOGUE.decode(row["name"], 1, row["payload"]), tries=tries)
                    self._read[consumer.name] = row["id"]

    async def _unread(self, consumer: Consumer) -> Sequence[Record]:
        return await self.database.fetch(
            "SELECT id, name, payload FROM engine.events WHERE id > $1 AND name = ANY ($2::text[]) ORDER BY id",
            self._read[consumer.name],
            [kind.name for kind in consumer.on],
        )

    async def handle(self, consumer: Consumer, event: Event, *, tries: int = 10) -> None:
        """Take one event through one consumer."""
        for attempt in range(1, tries + 1):
            try:
                await self._once(consumer, event)
            except RetryLater:
                if attempt == tries:
                    return
            else:
                return

    async def _once(self, consumer: Consumer, event: Event) -> None:
        if not isinstance(consumer, OutsideConsumer):
            handle = consumer.handle
            assert handle is not None
            await self.database.run(lambda tx: handle(tx, event))
            return
        work = await self.database.run(lambda tx: consumer.claim(tx, event))
        if work is not None:
            outcome = await consumer.perform(work)
            await self.database.run(lambda tx: consumer.conclude(tx, work, outcome))

    async def claim(self, event: OrderPlaced) -> Any:
        """Claim a charge, as the lane does before it calls."""
        return await self.database.run(lambda tx: self.charging.claim(tx, event))

    async def conclude(self, work: Any, outcome: Any) -> None:
        """Conclude a charge, as the lane does after it called."""
        await self.database.run(lambda tx: self.charging.conclude(tx, work, outcome))

    async def reconcile(self, *, after_s: float = 3600.0) -> None:
        """Let time pass, and reconcile."""
        self.clock.advance(after_s)
        await self.reconciliation.run()

    async def payment(self, order_id: UUID) -> Record:
        """Return the row of an order's payment."""
        row = await self.database.fetch_row("SELECT * FROM payments.payments WHERE order_id = $1", order_id)
        assert row is not None
        return row

    async def refund_rows(self, order_id: UUID) -> Sequence[Record]:
        """Return the rows of an order's refunds, oldest first."""
        return await self.database.fetch(
            "SELECT r.* FROM payments.refunds r JOIN payments.payments p ON p.id = r.payment_id "
            "WHERE p.order_id = $1 ORDER BY r.created_at, r.id",
            order_id,
        )

    async def facts(self, order_id: UUID) -> list[str]:
        """Return what payments have said about an order, without the context's name."""
        rows = await self.database.fetch(
            "SELECT name FROM engine.events WHERE key = $1 AND name LIKE 'payments.%' ORDER BY id", str(order_id)
        )
        return [row["name"].removeprefix("payments.") for row in rows]
