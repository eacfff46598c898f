"""What every contender's worker tells the benchmark: that it is ready, and how much it has handled by when.

A line `ready` on the standard output, then a wait for a line on the standard input, then every `LOOK_S` a line of JSON
with the count and the time of the last change, by the clock that all processes of a machine share. When the standard
input ends, the worker prints what it was given to print and ends at once.
"""

import itertools
import json
import os
import sys
import threading
import time

LOOK_S = 0.01


def clock() -> float:
    """Return the seconds of CLOCK_MONOTONIC, which is one for all processes of a machine."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Tally:
    """Counts what a worker handles."""

    def __init__(self) -> None:
        self._count = 0
        self._calls = itertools.count(1)
        self._threaded = 0
        self.stamps: list[tuple[int, float]] = []

    def handled(self, count: int = 1) -> None:
        """Count, in a program of one thread."""
        self._count += count

    def handled_by_a_thread(self) -> None:
        """Count one, in a program of several threads: `next` is not interrupted, `+=` is."""
        self._threaded = next(self._calls)

    def stamp(self, number: int) -> None:
        """Note when the event `number` reached its handler."""
        self.stamps.append((number, clock()))
        self._count += 1

    def begin(self) -> None:
        """Say that all is ready, wait for the word, and report from then on. Blocks; called before the work begins."""
        say("ready")
        sys.stdin.readline()
        threading.Thread(target=self._report, daemon=True).start()
        threading.Thread(target=self._end, daemon=True).start()

    def _report(self) -> None:
        told = 0
        while True:
            count = max(self._count, self._threaded)
            if count != told:
                told = count
                say(json.dumps({"count": count, "last": clock()}))
            time.sleep(LOOK_S)  # noqa: TID251 - a thread that looks

    def _end(self) -> None:
        sys.stdin.read()
        say(json.dumps({"stamps": self.stamps}))
        os._exit(0)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
