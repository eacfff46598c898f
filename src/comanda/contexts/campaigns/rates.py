"""How fast campaigns may go: limits for all mails, for each sender, for each recipient domain. Pure.

"n per second" promises that a mail server sees n at most in any window of one second, whatever its edges. Our limiter
promises that at most `burst + per_s * W` mails *begin* in any window of W seconds, over all workers. A mail reaches the
server up to `ON_THE_WAY_S` after it began (what takes longer begins anew), so that those which arrive within a second
began within `1 + ON_THE_WAY_S`. So a limit of n is a rate with

    burst + per_s * (1 + ON_THE_WAY_S) < n + 1,

and about three quarters of n go out in the long run. That is the price of "any window": a counter that begins anew each
second would let 2n through around its edge.
"""

from collections.abc import Collection, Mapping

import msgspec

from comanda.engine.rates import Rate

ON_THE_WAY_S = 0.25
"""How long a mail may take from its permit to the server's answer without disturbing the count."""

IN_A_BURST = 0.05
"""Of a second's mails: how many may begin at once."""

SLOWED_PER_S = 50
"""The limit of a domain that has none, once its server has asked us to slow down: half of it at once, for its rate is
halved then, and less with each further time."""

NAMED = ("all", "sender", "domain")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Mails per second at most; None where there is no limit.

    Attributes:
        all: over all campaigns.
        sender: for each sender's address.
        domain: for each recipient domain that is not in `domains`.
        domains: for those that are named.
    """

    all: int | None = None
    sender: int | None = None
    domain: int | None = None
    domains: Mapping[str, int] = {}

    def of_domain(self, domain: str, *, slowed: Collection[str] = ()) -> int | None:
        """Return the limit of one domain; `slowed` are those that have asked us to slow down."""
        limit = self.domains.get(domain, self.domain)
        return SLOWED_PER_S if limit is None and domain in slowed else limit


def limits_of(setting: str) -> Limits:
    """Return the limits that the setting names: `all=500,sender=200,domain=50,gmail.com=20`.

    Raises `ValueError` for a limit of nothing: whoever wants nothing sent pauses the campaign.
    """
    found = {name: int(count) for name, _, count in (part.partition("=") for part in setting.split(",") if part)}
    if not all(found.values()):
        raise ValueError(f"A limit is at least 1 per second: not {setting!r}.")
    named = {name: count for name, count in found.items() if name in NAMED}
    domains = {name: count for name, count in found.items() if name not in NAMED}
    return Limits(**named, domains=domains)


def rate_of(limit: int, *, name: str, keyed: bool) -> Rate:
    """Return the rate that holds a limit in any window of a second, at the server.

    Where it is `keyed`, it holds for each key by itself, and who must wait gets out of the others' way.
    """
    burst = max(1.0, limit * IN_A_BURST)
    per_s = (limit + 0.99 - burst) / (1 + ON_THE_WAY_S)
    return Rate(per_s=per_s, burst=burst, name=name, by=str if keyed else None)
