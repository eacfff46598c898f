"""The web server of one process: uvicorn on a socket that it may share with other processes."""

import socket
from typing import Any

import uvicorn
from litestar.types import ASGIApp

BACKLOG = 4096
"""Connections that wait to be accepted, at most; the kernel's own limit may be lower."""

GRACE_S = 3
"""How long answers under way, and open event streams, may last once the server is told to end."""

KEEP_ALIVE_S = 30


async def serve_http(app: ASGIApp, bound: socket.socket) -> None:
    """Serve `app` on the socket until SIGTERM or SIGINT; then accept nothing new, finish what is under way, return."""
    # Both describe the same interface, each with types of its own.
    application: Any = app
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    await uvicorn.Server(config).serve(sockets=[bound])
