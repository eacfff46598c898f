"""How many messages go into one call, and which may not share one."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

MOST = 10
"""Entries in one call, of SNS and of SQS."""

MOST_BYTES = 256 * 1024
"""Bytes of one message, and of all messages of one PublishBatch together. API reference of SNS, PublishBatch."""


def cut(items: Sequence[Item], size: Callable[[Item], int] = lambda _: 0) -> Iterator[Sequence[Item]]:
    """Cut `items`, in their order, into batches of at most `MOST` and `MOST_BYTES` bytes (one alone may have more)."""
    start, held = 0, 0
    for place, item in enumerate(items):
        more = size(item)
        if place > start and (place - start == MOST or held + more > MOST_BYTES):
            yield items[start:place]
            start, held = place, 0
        held += more
    if items:
        yield items[start:]


def rounds(items: Sequence[Item], key: Callable[[Item], str]) -> list[list[Item]]:
    """Divide `items` into rounds: the first of each key, then the second of each, and so on.

    An entry of a batch can fail while the next is accepted. So no two of a key may share a call, nor may the second go
    out before the first was accepted.
    """
    divided: list[list[Item]] = []
    counts: dict[str, int] = {}
    for item in items:
        turn = counts.get(key(item), 0)
        counts[key(item)] = turn + 1
        if turn == len(divided):
            divided.append([])
        divided[turn].append(item)
    return divided
