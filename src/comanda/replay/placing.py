"""One order of the file, placed by a guest who clicks too often, loses the connection, and reloads."""

import asyncio

import msgspec

from comanda.engine.errors import Unavailable
from comanda.replay.client import Client, Reply
from comanda.replay.file import FileOrder
from comanda.replay.guest import guest_of, key_of, number
from comanda.replay.menu import DerivedMenu

CREATED = 201
CONFLICT = 409

MOST_CUT_MS = 30
"""A connection is cut at most so long after the request: before, while or after the order is decided."""


class _Quote(msgspec.Struct):
    total: int
    currency: str


class _Placed(msgspec.Struct):
    id: str
    number: int
    quote: _Quote


class _Earlier(msgspec.Struct):
    number: int


class _Asked(msgspec.Struct):
    order: _Earlier
    confirm: str


class PlacedOrder(msgspec.Struct, kw_only=True):
    """What came of one order of the file.

    Attributes:
        id, number, total: of the order that was made; None where none was.
        fresh: answers that were not given before.
        replays: answers that were.
        asked: reloads that were answered by the question whether it shall be made again.
        cuts: connections that were broken off.
        tries: requests sent for answers, repetitions while nobody answered included.
        clicks_s: how long each click took to its answer.
        problems: what is not as it must be, for people.
    """

    source: FileOrder
    id: str | None = None
    number: int | None = None
    total: int | None = None
    fresh: int = 0
    replays: int = 0
    asked: int = 0
    cuts: int = 0
    tries: int = 0
    clicks_s: list[float]
    problems: list[str]


class Placing:
    """Places the orders of one file at one restaurant."""

    def __init__(self, client: Client, menu: DerivedMenu, *, slug: str, seed: int, clicks: int) -> None:
        self._client = client
        self._menu = menu
        self._slug = slug
        self._seed = seed
        self._clicks = clicks

    async def place(self, order: FileOrder) -> PlacedOrder:
        """Place one order: clicks at the same time, a connection that is cut, the retry after it, and a reload.

        Half of the guests lose their connection before the clicks, the others after them.
        """
        body = self._form(order)
        key = key_of(self._seed, order.id, "click")
        outcome = PlacedOrder(source=order, clicks_s=[], problems=[])
        cut_first = number(self._seed, order.id, "cut first", 2) == 0
        try:
            if cut_first:
                await self._cut(outcome, body, key)
            clicks = await asyncio.gather(*(self._client.place(body, key) for _ in range(self._clicks)))
            if not cut_first:
                await self._cut(outcome, body, key)
            retry = await self._client.place(body, key)
            reload = await self._client.place(body, key_of(self._seed, order.id, "reload"))
        except Unavailable as error:
            outcome.problems.append(str(error))
            return outcome
        outcome.clicks_s = [click.took_s for click in clicks]
        outcome.tries = sum(reply.tries for reply in (*clicks, retry, reload))
        self._compare(outcome, [*clicks, retry])
        self._look_at_reload(outcome, reload)
        return outcome

    async def _cut(self, outcome: PlacedOrder, body: bytes, key: str) -> None:
        after_ms = number(self._seed, outcome.source.id, "cut after", MOST_CUT_MS)
        await self._client.cut(body, key, after_s=after_ms / 1000)
        outcome.cuts += 1

    def _form(self, order: FileOrder) -> bytes:
        guest = guest_of(self._seed, order.id)
        return msgspec.json.encode(
            {
                "restaurant": self._slug,
                "customer": guest._asdict(),
                "fulfilment": {"type": "pickup"},
                "lines": [
                    {"item": line.item, "quantity": line.quantity, "options": line.options}
                    for line in self._menu.lines(order)
                ],
                "expected_total": order.cents,
            }
        )

    def _compare(self, outcome: PlacedOrder, replies: list[Reply]) -> None:
        """All answers under one key must be one answer, of which at most one was not given before."""
        outcome.fresh = sum(not reply.replayed for reply in replies)
        outcome.replays = sum(reply.replayed for reply in replies)
        refused = next((reply for reply in replies if reply.status != CREATED), None)
        if refused is not None:
            outcome.problems.append(f"answered by {refused.status}: {refused.body[:300].decode(errors='replace')}")
            return
        if len({reply.body for reply in replies}) > 1:
            outcome.problems.append("the same key got different answers")
        if outcome.fresh > 1:
            outcome.problems.append(f"{outcome.fresh} answers claim to be the first")
        placed = msgspec.json.decode(replies[0].body, type=_Placed)
        outcome.id, outcome.number, outcome.total = placed.id, placed.number, placed.quote.total
        if placed.quote.total != outcome.source.cents:
            outcome.problems.append(f"costs {placed.quote.total}, and {outcome.source.cents} in the file")

    @staticmethod
    def _look_at_reload(outcome: PlacedOrder, reload: Reply) -> None:
        """The same form under a new key must be answered by the question, which names the order."""
        if reload.status != CONFLICT:
            outcome.problems.append(f"the reload was answered by {reload.status} instead of {CONFLICT}")
            return
        outcome.asked = 1
        try:
            asked = msgspec.json.decode(reload.body, type=_Asked)
        except msgspec.ValidationError as error:
            outcome.problems.append(f"the reload's answer does not name the order: {error}")
            return
        if asked.order.number != outcome.number:
            outcome.problems.append(f"the reload names order {asked.order.number} instead of {outcome.number}")
