"""The web server of one process: uvicorn on a socket that it may share with other processes."""

import socket

import uvicorn
from uvicorn._types import ASGIApplication

BACKLOG = 4096
"""Connections that wait to be accepted, at most; the kernel's own limit may be lower."""

GRACE_S = 8
"""How long answers under way, and open event streams, may last once the server is told to end."""

KEEP_ALIVE_S = 30


async def serve_http(app: ASGIApplication, bound: socket.socket) -> None:
    """Serve `app` on the socket until SIGTERM or SIGINT; then accept nothing new, finish what is under way, return."""
    config = uvicorn.Config(
        app,
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
