"""The guests of a drill: they click too often, lose connections, reload, and send again until they are answered."""

import asyncio
import itertools

import msgspec

from comanda.drill.intent import CONFLICT, CREATED, Intent, Record, Said, intent_of
from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.replay.client import Client, Reply
from comanda.replay.guest import key_of, number

GUESTS = 8
"""Guests at the same time."""

THINKING_MS = 500
"""A guest waits at most so long before the next intent, half of it in the mean."""

MOST_CUT_MS = 60
"""A connection is cut at most so long after the request."""

MOST_ROUNDS = 6
"""How often a guest whose forty tries were not answered begins anew."""


class _Placed(msgspec.Struct):
    id: str


class Guests:
    """A crowd that orders until it has had enough; each guest finishes the intent under way.

    Args:
        client: their side of the wire.
        restaurant: where they order.
        record: where they write down what they did.

    Attributes:
        begun, clicks: intents and requests so far.
        answered: intents that got a 201.
        silence_s: the longest time between two first answers.
    """

    def __init__(
        self, client: Client, *, seed: int, restaurant: str, record: Record, clock: Clock, guests: int = GUESTS
    ) -> None:
        self._client = client
        self._seed = seed
        self._restaurant = restaurant
        self._record = record
        self._clock = clock
        self._guests = guests
        self._places = itertools.count(1)
        self._answered_at = clock.monotonic()
        self.begun = 0
        self.clicks = 0
        self.answered = 0
        self.silence_s = 0.0

    async def order_until(self, enough: asyncio.Event) -> None:
        """Order until it is enough, and finish what is under way."""
        self._answered_at = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._guests):
                group.create_task(self._guest(enough))

    async def _guest(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            intent = intent_of(self._seed, next(self._places), restaurant=self._restaurant)
            self.begun += 1
            await self._carry_out(intent)
            self._record.add(intent)
            await self._clock.sleep(self._below(intent, "thinking", THINKING_MS) / 1000)

    async def _carry_out(self, intent: Intent) -> None:
        if intent.leaves:
            await self._cut(intent)
            self._says(intent, "leaves for good")
            return
        clicks = [self._click(intent) for _ in range(intent.clicks)]
        if intent.cuts:
            clicks.append(self._cut(intent))
        self._says(intent, f"clicks {intent.clicks} times" + (", and once on a connection that breaks" * intent.cuts))
        await asyncio.gather(*clicks)
        if not intent.answers:
            return
        self._count_in()
        if intent.reloads:
            await self._reload(intent)

    async def _click(self, intent: Intent) -> None:
        reply = await self._placed(intent, intent.key)
        if reply is None:
            return
        again = ", as before" if reply.replayed else ""
        self._says(intent, f"is answered by {reply.status}{again} (tries: {reply.tries})")
        if reply.status == CREATED:
            self._take(intent, reply)
        else:
            intent.refused.append(f"{reply.status}: {reply.body[:300].decode(errors='replace')}")

    async def _reload(self, intent: Intent) -> None:
        """Send the same form under another key: it must be asked about, and make no second order."""
        reply = await self._placed(intent, key_of(self._seed, f"intent {intent.number}", "reload"))
        if reply is None:
            return
        self._says(intent, f"reloads, and is answered by {reply.status} (tries: {reply.tries})")
        if reply.status == CREATED:
            self._take(intent, reply)
        elif reply.status != CONFLICT:
            intent.refused.append(f"reload {reply.status}: {reply.body[:300].decode(errors='replace')}")

    async def _placed(self, intent: Intent, key: str) -> Reply | None:
        for _ in range(MOST_ROUNDS):
            try:
                reply = await self._client.place(intent.form, key)
            except Unavailable as error:
                self._says(intent, f"is not answered: {error}")
                continue
            self.clicks += reply.tries
            return reply
        intent.refused.append("never answered")
        return None

    async def _cut(self, intent: Intent) -> None:
        after_ms = self._below(intent, "cut after", MOST_CUT_MS)
        self._says(intent, f"clicks, and loses the connection after {after_ms} ms")
        self.clicks += 1
        await self._client.cut(intent.form, intent.key, after_s=after_ms / 1000)

    def _take(self, intent: Intent, reply: Reply) -> None:
        intent.answers += 1
        order = msgspec.json.decode(reply.body, type=_Placed).id
        if order not in intent.orders:
            intent.orders.append(order)

    def _count_in(self) -> None:
        now = self._clock.monotonic()
        self.silence_s = max(self.silence_s, now - self._answered_at)
        self._answered_at = now
        self.answered += 1

    def _says(self, intent: Intent, what: str) -> None:
        intent.story.append(Said(at=self._clock.now(), what=what))

    def _below(self, intent: Intent, what: str, limit: int) -> int:
        return number(self._seed, f"intent {intent.number}", what, limit)
