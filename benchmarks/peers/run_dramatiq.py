"""dramatiq over Redis, with the worker that its command line starts in each process."""

import json
import logging
import sys
import threading
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from tally import Tally, clock, say

THREADS = 8
"""Its own default."""

command, url, *rest = sys.argv[1:]
broker = RedisBroker(url=url)
dramatiq.set_broker(broker)
logging.disable(logging.CRITICAL)
tally = Tally()


@dramatiq.actor
def ring(bell: str, number: int) -> None:  # noqa: ARG001 - an event as every contender has it
    """Handle a job that does nothing."""
    tally.handled_by_a_thread()


@dramatiq.actor
def note(bell: str, number: int) -> None:  # noqa: ARG001 - an event as every contender has it
    """Handle a job of which the time is noted."""
    tally.stamp(number)


def main() -> None:
    """Do as the arguments say."""
    if command == "fill":
        count = int(rest[0])
        began = clock()
        for number in range(count):
            ring.send(f"bell {number % 1000}", number)
        say(json.dumps({"s": clock() - began}))
    elif command == "emit":
        stamps = []
        for number in range(int(rest[0])):
            time.sleep(float(rest[1]) * (0.5 + (number * 7919 % 1000) / 1000))  # noqa: TID251 - a pause that is measured beside
            note.send(f"bell {number % 1000}", number)
            stamps.append((number, clock()))
        say(json.dumps({"stamps": stamps}))
    elif command == "work":
        worker = dramatiq.Worker(broker, worker_threads=THREADS)
        tally.begin()
        worker.start()
        worker.join()
        threading.Event().wait()


if __name__ == "__main__":
    main()
