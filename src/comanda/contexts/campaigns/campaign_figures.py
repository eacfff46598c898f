"""How a campaign is getting on: its recipients by state, the ledger's statement, and the last minutes."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.states import Delivery
from comanda.engine.database import Database

LEDGER = """
SELECT state, least(accepted, 2) AS accepted, count(*) AS people FROM campaigns.deliveries
WHERE campaign = $1 GROUP BY 1, 2
"""

MINUTES = """
SELECT minute, sum(sent)::integer AS sent, sum(deferred)::integer AS deferred, sum(failed)::integer AS failed,
       sum(uncertain)::integer AS uncertain
FROM campaigns.minutes WHERE campaign = $1 AND minute >= $2 GROUP BY minute ORDER BY minute
"""

DOMAINS = """
SELECT domain, sum(sent)::integer AS sent, sum(deferred)::integer AS deferred, sum(failed)::integer AS failed
FROM campaigns.minutes WHERE campaign = $1 GROUP BY domain ORDER BY sum(sent + deferred + failed) DESC, domain LIMIT 10
"""

ERRORS = """
SELECT coalesce(code::text, kind) AS code, count(*)::integer AS times, max(words) AS words
FROM (SELECT code, kind, words FROM campaigns.failures WHERE campaign = $1 ORDER BY recipient LIMIT 10000) AS told
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10
"""

RATE_OVER = timedelta(minutes=3)
"""A rate is told over so much of the past."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's statement: how many recipients were mailed how often, as far as that is known."""

    never: int = 0
    once: int = 0
    uncertain: int = 0
    twice: int = 0

    def __str__(self) -> str:
        return f"mailed 0 times {self.never}, once {self.once}, uncertain {self.uncertain}, twice {self.twice}"


class DomainFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How mails to one domain went; empty is all small ones together."""

    domain: str
    sent: int
    deferred: int
    failed: int


class ErrorFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How often a mail server's answer came, with an example of its words."""

    code: str
    times: int
    words: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How a campaign is getting on.

    Attributes:
        states: recipients by state.
        done: recipients with whom nothing more is to be done.
        rate_per_s: mails accepted in a second, over the last minutes.
        ends_at: when it ends if it goes on so; None where nobody can say.
    """

    number: int
    name: str
    state: str
    recipients: int
    states: dict[str, int]
    done: int
    statement: Statement
    rate_per_s: float
    ends_at: datetime | None
    domains: list[DomainFigures]
    errors: list[ErrorFigures]


async def figures_of(database: Database, row: CampaignRow, now: datetime) -> Figures:
    """Return how a campaign is getting on."""
    states = {state.name.lower(): 0 for state in Delivery}
    statement: dict[str, int] = dict.fromkeys(("never", "once", "uncertain", "twice"), 0)
    for found in await database.fetch(LEDGER, row.number):
        state = Delivery(found["state"])
        states[state.name.lower()] += found["people"]
        statement[_kind(state, found["accepted"])] += found["people"]
    open_ = states["pending"] + states["sending"]
    minutes = await database.fetch(MINUTES, row.number, (now - RATE_OVER).replace(second=0, microsecond=0))
    rate = _rate([(minute["minute"], minute["sent"]) for minute in minutes], now)
    going = row.state == "sending" and rate > 0
    return Figures(
        number=row.number,
        name=row.name,
        state=row.state,
        recipients=row.recipients,
        states=states,
        done=sum(states.values()) - open_,
        statement=Statement(**statement),
        rate_per_s=round(rate, 1),
        ends_at=now + timedelta(seconds=open_ / rate) if going else None,
        domains=[DomainFigures(**dict(each)) for each in await database.fetch(DOMAINS, row.number)],
        errors=[ErrorFigures(**dict(each)) for each in await database.fetch(ERRORS, row.number)],
    )


def _kind(state: Delivery, accepted: int) -> str:
    if accepted > 1:
        return "twice"
    if state == Delivery.UNCERTAIN:
        return "uncertain"
    return "once" if accepted else "never"


def _rate(minutes: list[tuple[datetime, Any]], now: datetime) -> float:
    """Return mails per second from the beginning of the first of these minutes until now."""
    if not minutes:
        return 0.0
    seconds = max(1.0, (now - minutes[0][0]).total_seconds())
    return float(sum(sent for _, sent in minutes) / seconds)
