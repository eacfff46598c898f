"""Moto's server for SNS and SQS, as a program: `python -m tests.fakes.moto_server PORT`.

It tells on its standard output that it listens. SIGUSR1 takes it from the network, its listener and all connections;
SIGUSR2 brings it back with all that it had stored, which the real ones keep as well. Killed, it forgets everything.

Moto is made for tests with one thread. What it gets wrong with several, or leaves out, and our tests need:

- Deleting builds a new list of messages, and one sent meanwhile is lost; two receives at the same time can be given the
  same message, or messages of one FIFO group. Here each operation has the queue to itself.
- Of a FIFO group of which several messages were received and not deleted, the last comes again first.
- For each message received or sent it counts the whole queue several times, and asks a slow clock for each message.

Left as it is: a FIFO queue forgets a message's deduplication id with the message's deletion, where AWS remembers it for
five minutes. So our inbox is tried harder here than there.
"""

import contextlib
import functools
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs import models
from moto.sqs.models import Message, SQSBackend
from werkzeug.serving import ThreadedWSGIServer

LOOK_S = 0.02
"""How often a waiting receive looks whether time has brought it something."""

_changed = threading.Condition()
_receive_now = SQSBackend.receive_message


def receive_message(  # noqa: PLR0917 - moto's own signature
    self: SQSBackend, queue_name: str, count: int, wait_s: int, visibility_s: int, names: list[str] | None = None
) -> list[Message]:
    """Receive as SQS does: a group's messages in order, and each by one receiver alone."""
    end = time.monotonic() + wait_s  # noqa: TID251 - the server under test has no clock of ours
    while True:
        with _changed:
            pending = self.get_queue(queue_name).pending_messages
            pending.difference_update([message for message in pending if message.visible])
            received = _receive_now(self, queue_name, count, 0, visibility_s, names)
            if received or time.monotonic() >= end:  # noqa: TID251 - as above
                return received
            _changed.wait(LOOK_S)


def milliseconds() -> float:
    """Return the time as moto's own clock does, a hundred times faster."""
    return time.time() * 1000  # noqa: TID251 - as above


def alone(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return an operation that no other runs beside."""

    @functools.wraps(operation)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _changed:
            result = operation(*args, **kwargs)
            _changed.notify_all()
            return result

    return run


class Server(ThreadedWSGIServer):
    """A server that knows its connections, so as to end them."""

    daemon_threads = True
    # The port is kept while the listener is gone: others who look for a free one would take it meanwhile.
    allow_reuse_port = True

    def __init__(self, port: int) -> None:
        self.connections: set[socket.socket] = set()
        application = DomainDispatcherApplication(create_backend_app)
        super().__init__("127.0.0.1", port, application, MotoRequestHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self.connections.discard(request)
        super().shutdown_request(request)

    def vanish(self) -> None:
        """Be gone from the network."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            # It may have ended by itself.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def main(port: int) -> None:
    """Serve until killed."""
    signals = {signal.SIGUSR1, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    setattr(models, "unix_time_millis", milliseconds)  # noqa: B010 - moto's is replaced, and mypy need not know
    setattr(SQSBackend, "receive_message", receive_message)  # noqa: B010 - as above
    # No test keeps a message for days, and to tell how old it is the whole queue would be counted.
    setattr(SQSBackend, "is_message_valid_based_on_retention_period", lambda *_: True)  # noqa: B010 - as above
    for name in ("send_message", "delete_message", "change_message_visibility"):
        setattr(SQSBackend, name, alone(getattr(SQSBackend, name)))
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    keeper.bind(("127.0.0.1", port))
    while True:
        server = Server(port)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGUSR1})
        server.vanish()
        sys.stdout.write("gone\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGUSR2})


if __name__ == "__main__":
    main(int(sys.argv[1]))
