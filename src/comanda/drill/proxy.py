"""A link between two processes that can be hurt: a small TCP proxy.

Whoever would connect to a server connects to a proxy of it, which carries octets both ways. Told to, it breaks its
connections off, holds them up, takes the client's half away while the server's stays, or loses what servers answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

HIGH_WATER = 256 * 1024
"""Octets that wait in one direction of one connection before its sender is held up."""

BACKLOG = 512


class Proxy:
    """A proxy of one server. A service.

    Args:
        name: says who is linked with whom.
        host: where it listens.

    Attributes:
        target: where the server is: a host and a port, or the path of a Unix socket; may change at any time.
        carried: connections so far.
    """

    def __init__(self, name: str, *, host: str = "127.0.0.1") -> None:
        self.name = name
        self.target: tuple[str, int] | Path | None = None
        self.carried = 0
        self.refusing = False
        self.stalled = False
        self.losing = False
        self._host = host
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError(f"The link {self.name} is not open.")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen on a free port."""
        async with self._turn:
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(lambda: _Link(self).client, self._host, 0, backlog=BACKLOG)

    async def stop(self) -> None:
        """Listen no more, and break everything off."""
        async with self._turn:
            server, self._server = self._server, None
            if server is not None:
                server.close()
            self.cut()

    def cut(self) -> None:
        """Break all connections off, on both sides."""
        for link in list(self._links):
            link.cut()

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """Break all connections off and let nobody in as long as the block lasts."""
        self.refusing = True
        self.cut()
        try:
            yield
        finally:
            self.refusing = False

    @asynccontextmanager
    async def held_up(self) -> AsyncIterator[None]:
        """Carry nothing as long as the block lasts, and all of it afterwards."""
        self.stalled = True
        for link in self._links:
            link.hold()
        try:
            yield
        finally:
            self.stalled = False
            for link in list(self._links):
                link.let_go()

    @asynccontextmanager
    async def half_closed(self) -> AsyncIterator[None]:
        """Break the clients' sides off; the server sees nothing of it as long as the block lasts."""
        links = list(self._links)
        for link in links:
            link.cut_client()
        try:
            yield
        finally:
            for link in links:
                link.cut()

    @asynccontextmanager
    async def answerless(self) -> AsyncIterator[None]:
        """Carry what clients say and lose what servers answer as long as the block lasts; then break all off."""
        self.losing = True
        try:
            yield
        finally:
            self.losing = False
            self.cut()

    def opened(self, link: "_Link") -> None:
        """Count a connection in."""
        self.carried += 1
        self._links.add(link)

    def ended(self, link: "_Link") -> None:
        """Count a connection out."""
        self._links.discard(link)


class _Link:
    """One connection: its two ends, and the octets in between."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.client = _End(self, from_server=False)
        self.server = _End(self, from_server=True)
        self.client.other, self.server.other = self.server, self.client
        self._connecting: asyncio.Task[None] | None = None
        self._client_is_gone = False

    @property
    def stalled(self) -> bool:
        """Whether nothing is carried now."""
        return self._proxy.stalled

    def loses(self, *, from_server: bool) -> bool:
        """Whether octets from that side get lost now."""
        return from_server and (self._proxy.losing or self._client_is_gone)

    def client_came(self) -> None:
        """Connect to the server, or break off."""
        if self._proxy.refusing or self._proxy.target is None:
            self.client.abort()
            return
        self._proxy.opened(self)
        self.client.pause()
        self._connecting = asyncio.create_task(self._connect(self._proxy.target), name=self._proxy.name)

    async def _connect(self, target: tuple[str, int] | Path) -> None:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(target, Path):
                await loop.create_unix_connection(lambda: self.server, str(target))
            else:
                await loop.create_connection(lambda: self.server, *target)
        except OSError:
            self.cut()
            return
        if self.client.is_gone and not self._client_is_gone:
            self.server.abort()
        elif not self.stalled:
            self.client.resume()

    def hold(self) -> None:
        """Read nothing more from either end."""
        self.client.pause()
        self.server.pause()

    def let_go(self) -> None:
        """Read from both ends again."""
        if self.server.is_open:
            self.client.resume()
            self.server.resume()

    def cut_client(self) -> None:
        """Break the client's end off alone."""
        self._client_is_gone = True
        self.client.abort()

    def cut(self) -> None:
        """Break both ends off."""
        self._client_is_gone = False
        self.client.abort()
        self.server.abort()
        self._proxy.ended(self)

    def end_lost(self, end: "_End") -> None:
        """Let the other end go, too, unless the client alone was to go."""
        if end is self.client and self._client_is_gone:
            return
        if end.other is not None:
            end.other.close()
        if self.client.is_gone and not self.server.is_open:
            self._proxy.ended(self)


class _End(asyncio.Protocol):
    """One end of a connection."""

    def __init__(self, link: _Link, *, from_server: bool) -> None:
        self.other: _End | None = None
        self._early: list[bytes] = []
        self._link = link
        self._from_server = from_server
        self._transport: asyncio.Transport | None = None
        self.is_gone = False

    @property
    def is_open(self) -> bool:
        """Whether octets can be written to it."""
        return self._transport is not None and not self.is_gone and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._transport.writelines(self._early)
        self._early.clear()
        if not self._from_server:
            self._link.client_came()
        elif self._link.stalled:
            self.pause()

    def data_received(self, data: bytes) -> None:
        """Carry octets to the other end; called by the event loop."""
        if self._link.loses(from_server=self._from_server):
            return
        if self.other is not None:
            self.other.write(data)

    def eof_received(self) -> bool:
        """Close the other end when all that came before is written; called by the event loop."""
        if self.other is not None and not self._link.loses(from_server=self._from_server):
            self.other.close()
        return False

    def pause_writing(self) -> None:
        """Hold the sender up; called by the event loop."""
        if self.other is not None:
            self.other.pause()

    def resume_writing(self) -> None:
        """Let the sender go on; called by the event loop."""
        if self.other is not None and not self._link.stalled:
            self.other.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end; called by the event loop."""
        del exc
        self.is_gone = True
        self._link.end_lost(self)

    def write(self, data: bytes) -> None:
        """Send octets, as soon as it is connected; nothing happens when it is gone."""
        if self._transport is None:
            # uvloop reads a first time from a connection that was held up as it was made.
            self._early.append(data)
        elif self.is_open:
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more."""
        if self.is_open and self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.is_open and self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """End it when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Break it off."""
        self.is_gone = True
        if self._transport is not None:
            self._transport.abort()
