"""Shares: how the shards of a lane are spread over the workers. Pure."""

import zlib
from collections.abc import Iterable, Sequence

from comanda.engine.events.log import SHARDS


def fair_share(workers: Sequence[int], me: int, shards: int, lane: str = "") -> int:
    """Return how many of `shards` the worker `me` should hold when all of `workers` (sorted) serve a lane.

    Who gets one more than others depends on the lane's name, so that it is not the same worker for all lanes.
    """
    if me not in workers:
        return 0
    least, rest = divmod(shards, len(workers))
    place = (workers.index(me) + zlib.crc32(lane.encode())) % len(workers)
    return least + (1 if place < rest else 0)


def not_wanted(held: Iterable[int], shards: int, share: int) -> list[int]:
    """Return which of the log's shards `held` are to be given back.

    Args:
        held: the log's shards that a worker holds for a lane.
        shards: into how many the lane is cut.
        share: how many of those the worker should hold.
    """
    parts: dict[int, list[int]] = {}
    for shard in held:
        parts.setdefault(shard % shards, []).append(shard)
    whole = sorted(part for part, members in parts.items() if len(members) == SHARDS // shards)
    kept = set(whole[:share])
    return sorted(shard for part, members in parts.items() if part not in kept for shard in members)
