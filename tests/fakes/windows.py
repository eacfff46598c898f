"""How far calls go beyond a rate, in whatever window."""

from collections.abc import Sequence

from comanda.engine.rates import Rate


def excess(rate: Rate, calls: Sequence[float]) -> float:
    """Return by how many calls the busiest window holds more than the rate promises.

    The i-th and the j-th call bound the narrowest window that holds both: j - i + 1 may be `burst + per_s * distance`.
    """
    best = worst = float("-inf")
    for number, at in enumerate(sorted(calls)):
        best = max(best, rate.per_s * at - number)
        worst = max(worst, number - rate.per_s * at + best + 1)
    return worst - rate.most if calls else 0.0
