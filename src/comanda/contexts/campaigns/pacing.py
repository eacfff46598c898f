"""Pacing: mails of a chunk go out as their permits come, for all workers together.

A mail needs a permit of the limits on all mails, on its sender and on its domain, and goes out at once with it. Whose
*domain* must wait, in a stream that others share, gets out of their way and is told when its turn is likely. Otherwise
all of the chunk would wait for the same; after `PATIENCE_S` what is left goes back. Where nothing is limited, nobody is
asked. A domain whose server asks us to slow down gets a limit for a while, if it has none (see `rates.py`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import msgspec

from comanda.contexts.campaigns.rates import Limits, rate_of
from comanda.contexts.campaigns.recipient import Recipient
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.rates import KeyWaits, Limiter, Permit, Rate, Want
from comanda.mail.pipeline import Outcome

LANE = "campaigns.send"

PATIENCE_S = 2.0
"""How long a chunk waits for permits; what is left then goes back to pending."""

SOON_S = 0.1
"""Who would be told to come back sooner than this stays."""

MOST_ASKED = 64
"""Permits asked for at once, where domains are mixed."""

SLOWED_FOR = timedelta(minutes=10)
"""How long a domain without a limit keeps the one that it got."""

KNOWN_FOR_S = 1.0
"""How old a process's knowledge of slowed domains may be."""

SLOWED = "SELECT domain FROM campaigns.slowed_domains WHERE until > clock_timestamp()"

SLOW = """
INSERT INTO campaigns.slowed_domains AS s (domain, until) VALUES ($1, clock_timestamp() + $2)
ON CONFLICT (domain) DO UPDATE SET until = greatest(s.until, excluded.until)
"""

Send = Callable[[Sequence[Recipient]], Awaitable[Mapping[int, Outcome]]]


class Paced(msgspec.Struct):
    """What became of a chunk.

    Attributes:
        outcomes: of those that were handed over, by number.
        held: who is to come back after how many seconds, as their domain must wait.
        wait_s: after how many seconds the others should be tried.
    """

    outcomes: dict[int, Outcome]
    held: dict[int, float]
    wait_s: float = 0.0


class Pacing:
    """The limits of campaigns, as this process keeps them. A service."""

    def __init__(self, database: Database, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._database = database
        self._clock = clock
        self._rates: dict[tuple[str, int], Rate] = {}
        self._limiters: dict[str, Limiter] = {}
        self.slowed: frozenset[str] = frozenset()
        self._slowed_at: float | None = None

    async def start(self) -> None:
        """Have nothing running yet: limiters start when they are first asked."""

    async def stop(self) -> None:
        """Ask no more."""
        limiters, self._limiters = self._limiters, {}
        for limiter in limiters.values():
            await limiter.stop()

    async def send(
        self, recipients: Sequence[Recipient], *, sender: str, per_s: int | None, shared: bool, waited: bool, send: Send
    ) -> Paced:
        """Send to `recipients` as fast as the limits let us.

        Args:
            recipients: in the order in which they are to go.
            sender: whose limit holds.
            per_s: a limit of the sender's own.
            shared: whether others than those of one domain are in their stream.
            waited: whether they come back at a time that they were told.
            send: sends to some of them at once.
        """
        await self._look()
        needs = {one.number: self._buckets(one, sender, per_s) for one in recipients}
        free = [one for one in recipients if not needs[one.number]]
        paced = Paced({}, {})
        if free:
            paced.outcomes |= await send(free)
        left = [one for one in recipients if needs[one.number]]
        if not left:
            return paced
        limiter = await self._limiter(sender)
        began = self._clock.monotonic()
        while left:
            asked = left[: self._at_once(needs[left[0].number], shared=shared)]
            go, waits_s = await self._ask(limiter, asked, needs, paced, shared=shared, waited=waited or not shared)
            if go:
                paced.outcomes |= await send(go)
            left = [one for one in left if one.number not in paced.outcomes and one.number not in paced.held]
            paced.wait_s = min(waits_s, default=0.0)
            over_s = began + PATIENCE_S - self._clock.monotonic()
            if left and (over_s <= 0 or (not go and paced.wait_s > over_s)):
                break
            if not go and waits_s:
                await self._clock.sleep(max(paced.wait_s, 0.002))
        return paced

    async def slow_down(self, domain: str) -> None:
        """Lower the limit of a domain for all workers: its server said so."""
        limit = self.limits.of_domain(domain)
        if limit is None:
            await self._database.fetch(SLOW, domain, SLOWED_FOR)
            self.slowed |= {domain}
            limit = self.limits.of_domain(domain, slowed=self.slowed)
        if limit is not None:
            rate = self._rate("domain", limit)
            limiter = await self._limiter("")
            # The row is there only once somebody has asked; `change` makes it.
            await limiter.slow_down(((rate, rate.bucket_of(domain)),))

    async def _ask(
        self,
        limiter: Limiter,
        asked: Sequence[Recipient],
        needs: Mapping[int, tuple[tuple[Rate, str], ...]],
        paced: Paced,
        *,
        shared: bool,
        waited: bool,
    ) -> tuple[list[Recipient], list[float]]:
        """Return who may go at once, and how long others must wait; who is to come back later is noted as held."""
        answers = await limiter.acquire([Want(needs[one.number], waited=waited) for one in asked])
        go: list[Recipient] = []
        waits_s: list[float] = []
        for one, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Permit):
                if limiter.fresh(answer):
                    go.append(one)
            elif isinstance(answer, KeyWaits) and shared and answer.wait_s > SOON_S:
                paced.held[one.number] = answer.wait_s
            else:
                waits_s.append(answer.wait_s)
        limiter.learn(next((answer for answer in answers if isinstance(answer, Permit)), None))
        return go, waits_s

    def _at_once(self, buckets: Sequence[tuple[Rate, str]], *, shared: bool) -> int:
        """Return for how many to ask: no more than could go, so that what was granted does go at once."""
        if shared:
            buckets = [(rate, name) for rate, name in buckets if rate.by is None]
        return int(min((rate.most for rate, _ in buckets), default=MOST_ASKED))

    def _buckets(self, one: Recipient, sender: str, per_s: int | None) -> tuple[tuple[Rate, str], ...]:
        found: list[tuple[Rate, str]] = []
        if self.limits.all is not None:
            found.append((self._rate("all", self.limits.all), "all"))
        own = [limit for limit in (self.limits.sender, per_s) if limit is not None]
        if own:
            found.append((self._rate("sender", min(own)), f"sender:{sender}"))
        domain = one.email.rpartition("@")[2].lower()
        limit = self.limits.of_domain(domain, slowed=self.slowed)
        if limit is not None:
            rate = self._rate("domain", limit)
            found.append((rate, rate.bucket_of(domain)))
        return tuple(found)

    def _rate(self, name: str, limit: int) -> Rate:
        if (name, limit) not in self._rates:
            self._rates[name, limit] = rate_of(limit, name=name, keyed=name == "domain")
        return self._rates[name, limit]

    async def _limiter(self, sender: str) -> Limiter:
        """Return the sender's limiter: that one sender must wait is nothing to another."""
        limiter = self._limiters.get(sender)
        if limiter is None:
            limiter = self._limiters[sender] = Limiter(self._database, LANE, (), self._clock)
            await limiter.start()
        return limiter

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if self._slowed_at is None or now - self._slowed_at >= KNOWN_FOR_S:
            self._slowed_at = now
            self.slowed = frozenset(row["domain"] for row in await self._database.fetch(SLOWED))
