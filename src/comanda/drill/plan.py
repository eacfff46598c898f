"""The plan of a drill: which faults strike whom, how long after each other, and for how long.

Pure: it follows from the seed alone, so that what broke once can be tried again.

The first faults of each plan are one of every sort that nobody should have to ask for; after them all sorts come, in
an order that the seed decides, each as often as the next.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from comanda.replay.guest import number

Kind = Literal[
    "kill",
    "stop at once",
    "pause",
    "cut",
    "stall",
    "half-close",
    "lose answers",
    "no word",
    "webhooks twice",
    "webhooks out of order",
    "webhooks held",
    "slow",
]

WEBS = ("web-1", "web-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
PROVIDER = "provider"
MAIL_SERVER = "mail server"
POSTGRES = "postgres"

DATABASE_LINKS = tuple(f"{name} to postgres" for name in (*WEBS, *WORKERS))
GUESTS_LINK = "guests to web"
PROVIDER_LINK = "workers to provider"
WEBHOOK_LINK = "provider to web"
MAIL_LINK = "workers to mail server"
LINKS = (*DATABASE_LINKS, GUESTS_LINK, PROVIDER_LINK, WEBHOOK_LINK, MAIL_LINK)

LEASE_S = 2.0
"""The lease of the drill's workers: short, so that a pause beyond it need not be long."""

MOST_FAULTS = 100_000


class Card(NamedTuple):
    """A sort of fault: whom it may strike, and the least and the most that it lasts, in seconds."""

    kind: Kind
    targets: tuple[str, ...]
    least_s: float
    most_s: float


KILL_WEB = Card("kill", WEBS, 0.1, 1.5)
KILL_WORKER = Card("kill", WORKERS, 0.1, 2.5)
KILL_PROVIDER = Card("kill", (PROVIDER,), 0.1, 1.5)
STOP_POSTGRES = Card("stop at once", (POSTGRES,), 0.0, 0.0)
PAUSE_WORKER = Card("pause", WORKERS, 1.25 * LEASE_S, 2.25 * LEASE_S)
CUT_DATABASE = Card("cut", DATABASE_LINKS, 0.0, 1.0)
NO_WORD = Card("no word", (PROVIDER,), 4.0, 9.0)
"""Money moves, and neither an answer nor a webhook tells: whoever tries again must be known by the key."""

WEBHOOKS_TWICE = Card("webhooks twice", (PROVIDER,), 1.0, 4.0)
WEBHOOKS_OUT_OF_ORDER = Card("webhooks out of order", (PROVIDER,), 1.0, 4.0)

FIRST = (
    KILL_WEB,
    KILL_WORKER,
    KILL_PROVIDER,
    STOP_POSTGRES,
    PAUSE_WORKER,
    CUT_DATABASE,
    NO_WORD,
    WEBHOOKS_TWICE,
    WEBHOOKS_OUT_OF_ORDER,
)

ALL = (
    *FIRST,
    KILL_WORKER,
    PAUSE_WORKER,
    Card("kill", (MAIL_SERVER,), 0.1, 1.0),
    Card("kill", (POSTGRES,), 0.0, 0.0),
    Card("pause", WEBS, 0.5, 3.0),
    Card("pause", (PROVIDER, MAIL_SERVER), 0.5, 3.0),
    Card("cut", (GUESTS_LINK, PROVIDER_LINK, WEBHOOK_LINK, MAIL_LINK), 0.0, 1.0),
    Card("stall", LINKS, 0.3, 3.0),
    Card("half-close", DATABASE_LINKS, 0.5, 3.0),
    Card("lose answers", DATABASE_LINKS, 0.3, 1.5),
    Card("lose answers", (GUESTS_LINK, PROVIDER_LINK, WEBHOOK_LINK, MAIL_LINK), 0.3, 1.5),
    Card("webhooks held", (PROVIDER,), 1.0, 4.0),
    Card("slow", (PROVIDER,), 1.0, 3.0),
)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a plan.

    Attributes:
        number: its place in the plan, from 1.
        after_s: how long after the fault before it.
        kind, target: what is done to whom.
        lasts_s: how long, before it is taken back or the process is started again.
    """

    number: int
    after_s: float
    kind: Kind
    target: str
    lasts_s: float


def plan(seed: int, faults: int, *, pace_s: float) -> list[Fault]:
    """Return the plan of so many faults that follow each other at `pace_s` in the mean."""
    planned = []
    for place, card in zip(range(1, faults + 1), _cards(seed), strict=False):
        target = card.targets[number(seed, str(place), "target", len(card.targets))]
        lasts_s = card.least_s + (card.most_s - card.least_s) * _share(seed, place, "lasts")
        after_s = pace_s * (0.4 + 1.2 * _share(seed, place, "after"))
        planned.append(
            Fault(number=place, after_s=round(after_s, 3), kind=card.kind, target=target, lasts_s=round(lasts_s, 3))
        )
    return planned


def _cards(seed: int) -> Iterator[Card]:
    yield from _shuffled(seed, "first", FIRST)
    for deck in range(MOST_FAULTS):
        yield from _shuffled(seed, f"deck {deck}", ALL)


def _shuffled(seed: int, deck: str, cards: Sequence[Card]) -> list[Card]:
    places = sorted(range(len(cards)), key=lambda place: number(seed, deck, f"card {place}", 2**48))
    return [cards[place] for place in places]


def _share(seed: int, place: int, what: str) -> float:
    return number(seed, str(place), what, 10_000) / 10_000
