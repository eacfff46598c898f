"""A token bucket whose promise counts calls, not grants.

A rate promises at most `burst + per_s * W` calls that *begin* in any window of W seconds. A grant is made at one moment
and its call begins up to `slack_s` later, so that the calls of two windows of grants can fall into one. The bucket
pays for that as it grants: a bucket that was full would have stayed full until the call, so what it gains in the
meantime is taken off (`taken`). Then the promise is exact, whatever slack each asker has:

    Let X be the earliest grant whose call falls into [T, T + W]; it was made at x >= T - s, and left at most
    burst - gain(s) - 1. What is granted from then until T + W is at most that, and what flows in: gain(s) + per_s * W.
    With X's own that makes burst + per_s * W.

A "slow down" halves the bucket's factor (of its rate), which then grows back linearly: additive increase,
multiplicative decrease, after D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
Avoidance in Computer Networks", 1989.
"""

import math
from datetime import datetime, timedelta

import msgspec

from comanda.engine.rates.rate import Rate

LEAST_FACTOR = 1 / 64
"""No "slow down" leaves less of a rate than this."""

SLOWED_EVERY_S = 1.0
"""Calls that were under way together hear one "slow down" each; within this time they count as one."""

LONGEST_PAUSE_S = 3600.0
"""No `Retry-After` stops a key for longer: the other side may mean it, or may be mistaken."""


class Bucket(msgspec.Struct, frozen=True):
    """What is left of a rate at a moment.

    Attributes:
        tokens: how many may begin now; below zero while earlier calls may still be on their way to beginning.
        filled_at: the moment for which `tokens` and `factor` stand; in the future while the other side wants a pause.
        factor: the share of the rate that holds now, in (0, 1].
        slowed_at: when the factor was last halved.
        promised_until: until when what flows in has been promised to events that were told to come back.
    """

    tokens: float
    filled_at: datetime
    factor: float = 1.0
    slowed_at: datetime | None = None
    promised_until: datetime | None = None


def full(rate: Rate, now: datetime) -> Bucket:
    """Return the bucket of a key that has not been heard of."""
    return Bucket(rate.most, now)


def refilled(rate: Rate, bucket: Bucket, now: datetime) -> Bucket:
    """Return the bucket as it is at `now`. A clock that went back adds nothing."""
    elapsed_s = (now - bucket.filled_at).total_seconds()
    if elapsed_s <= 0:
        return msgspec.structs.replace(bucket, tokens=min(bucket.tokens, rate.most))
    return msgspec.structs.replace(
        bucket,
        tokens=min(rate.most, bucket.tokens + gain(rate, bucket.factor, elapsed_s)),
        filled_at=now,
        factor=min(1.0, bucket.factor + elapsed_s / rate.recover_s),
    )


def taken(rate: Rate, bucket: Bucket, slack_s: float) -> Bucket | None:
    """Return the bucket after one grant whose call begins within `slack_s`; None when it has nothing to grant."""
    if bucket.tokens < 1:
        return None
    left = min(bucket.tokens, rate.most - gain(rate, bucket.factor, slack_s)) - 1
    return msgspec.structs.replace(bucket, tokens=left)


def slowed(rate: Rate, bucket: Bucket, now: datetime, after_s: float | None) -> Bucket:
    """Return the bucket after the other side said "slow down", and to leave it alone for `after_s` seconds."""
    bucket = refilled(rate, bucket, now)
    waiting = _promised(rate, bucket)
    if bucket.slowed_at is None or (now - bucket.slowed_at).total_seconds() >= SLOWED_EVERY_S:
        bucket = msgspec.structs.replace(bucket, factor=max(LEAST_FACTOR, bucket.factor / 2), slowed_at=now)
    until = now + timedelta(seconds=min(max(after_s or 0.0, 0.0), LONGEST_PAUSE_S))
    bucket = msgspec.structs.replace(bucket, tokens=min(bucket.tokens, 0.0), filled_at=max(bucket.filled_at, until))
    if not waiting:
        return bucket
    # What was promised takes longer now.
    return msgspec.structs.replace(bucket, promised_until=_after(rate, bucket, waiting))


def next_at(rate: Rate, bucket: Bucket, place: int = 0) -> datetime:
    """Return when the bucket will have something for who stands at `place` (from 0), if nobody takes it before."""
    return _after(rate, bucket, place + 1 - bucket.tokens)


def promised(rate: Rate, bucket: Bucket, slack_s: float) -> tuple[Bucket, datetime]:
    """Return when the next who waits should come back, behind all who were told so before, and the bucket after it."""
    before = max(1 - bucket.tokens, _promised(rate, bucket))
    # Where calls are spaced rather than bunched, the slack is part of the distance.
    price = max(1.0, 2 - rate.most + gain(rate, bucket.factor, slack_s))
    return (
        msgspec.structs.replace(bucket, promised_until=_after(rate, bucket, before + price)),
        _after(rate, bucket, before),
    )


def idle_at(rate: Rate, bucket: Bucket) -> datetime:
    """Return from when on the bucket says no more than one that has not been heard of."""
    recovered_s = (1 - bucket.factor) * rate.recover_s
    filled_s = time_for(rate, bucket.factor, rate.most - bucket.tokens)
    at = bucket.filled_at + timedelta(seconds=max(recovered_s, filled_s))
    return at if bucket.promised_until is None else max(at, bucket.promised_until)


def gain(rate: Rate, factor: float, seconds: float) -> float:
    """Return how many tokens flow in within `seconds`, as the factor grows back: the integral, however it is cut."""
    growing_s = min(seconds, (1 - factor) * rate.recover_s)
    grown = growing_s * (factor + growing_s / rate.recover_s / 2)
    return rate.per_s * (grown + seconds - growing_s)


def time_for(rate: Rate, factor: float, tokens: float) -> float:
    """Return in how many seconds `tokens` flow in: the inverse of `gain`."""
    if tokens <= 0:
        return 0.0
    growing_s = (1 - factor) * rate.recover_s
    wanted = tokens / rate.per_s
    grown = growing_s * (factor + growing_s / rate.recover_s / 2)
    if wanted >= grown:
        return growing_s + wanted - grown
    # The positive root of t² / (2 * recover_s) + factor * t = wanted, in the form that does not cancel.
    return 2 * wanted / (factor + math.sqrt(factor * factor + 2 * wanted / rate.recover_s))


def _after(rate: Rate, bucket: Bucket, tokens: float) -> datetime:
    return bucket.filled_at + timedelta(seconds=time_for(rate, bucket.factor, tokens))


def _promised(rate: Rate, bucket: Bucket) -> float:
    if bucket.promised_until is None or bucket.promised_until <= bucket.filled_at:
        return 0.0
    return gain(rate, bucket.factor, (bucket.promised_until - bucket.filled_at).total_seconds())
