"""What the processes' own log says that none should ever say: an error of theirs that nobody had foreseen.

Such an error may have hurt nobody, because another process was there, or the next try went well. It is a fault of the
program all the same: a part that has crashed does its work no more.
"""

import re
from collections import Counter
from pathlib import Path

SIGNS = (
    "service crashed",
    "lane stumbled",
    "leases stumbled",
    "wake-ups stumbled",
    "timers stumbled",
    "request failed",
    "Task exception was never retrieved",
)

REFUSED = '"event": "lease lost"'

EVENT = re.compile(r'"event": "(' + "|".join(SIGNS) + ")")
PROCESS = re.compile(r'"process": "([^"]+)"')
SERVICE = re.compile(r'"(?:service|lane|path)": "([^"]+)"')
ERROR = re.compile(r'"exc_type": "([^"]+)", "exc_value": "([^"]{0,120})')


def crashes_in(log: Path) -> list[str]:
    """Return a sentence for each sort of unforeseen error in a log of JSON lines, with how often it came."""
    counted: Counter[str] = Counter()
    with log.open(errors="replace") as lines:
        for line in lines:
            sign = EVENT.search(line)
            if sign is not None:
                counted[_told(sign[1], line)] += 1
    return [f"{what} ({times} times)" if times > 1 else what for what, times in counted.most_common()]


def refused_in(log: Path) -> int:
    """Return how often a worker whose lease had ended stopped by itself, or was refused its late commit."""
    with log.open(errors="replace") as lines:
        return sum(line.count(REFUSED) for line in lines)


def _told(sign: str, line: str) -> str:
    process = PROCESS.search(line)
    service = SERVICE.search(line)
    error = ERROR.search(line)
    parts = [process[1].rstrip("0123456789").rstrip("-") if process else "a process", sign]
    if service is not None:
        parts.append(service[1])
    if error is not None:
        parts.append(f"{error[1]} {error[2]}")
    return ": ".join(parts)
