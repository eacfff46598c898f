"""Ports: found or checked before the processes that will listen on them start."""

import asyncio
import errno
import socket

from comanda.engine.clock import Clock
from comanda.engine.errors import SettingError

POLL_S = 0.05


def listener(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address, not listening yet, that shares it with other processes of ours.

    The kernel spreads new connections over all processes that listen on such a socket (SO_REUSEPORT). A socket that is
    bound and does not listen gets none, but keeps the address for us.
    """
    return _bound(host, port, shared=True)


async def reserve(name: str, host: str, port: int, clock: Clock, *, patience_s: float = 5.0) -> socket.socket:
    """Return a socket that keeps the address `host:port` (0 is any free port) for processes of ours.

    Waits up to `patience_s` for a listener that is just ending. Raises `SettingError` when another program listens
    there, or when the address is not this machine's.
    """
    deadline = clock.monotonic() + patience_s
    while True:
        try:
            if port:
                # Without sharing: a foreign listener is found out even when it would share.
                _bound(host, port, shared=False).close()
            return listener(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or clock.monotonic() > deadline:
                raise SettingError(_told(name, host, port, error)) from error
        await clock.sleep(POLL_S)


def port_of(bound: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    port: int = bound.getsockname()[1]
    return port


async def answers(host: str, port: int, path: str, *, timeout_s: float = 2.0) -> bool:
    """Whether an HTTP GET of `path` there is answered with 200."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(reachable(host), port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


def reachable(host: str) -> str:
    """Return where to connect to what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _told(name: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port}, wanted for the {name}, is taken by another program: choose another port."
    if error.errno == errno.EACCES:
        return f"Port {port}, wanted for the {name}, may not be used by this user: choose one above 1023."
    return f"The {name} cannot listen on {host}:{port} ({error.strerror}): choose another host or port."
