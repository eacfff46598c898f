"""The links of a drill over real sockets: what goes through, and what each way of hurting them does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from comanda.drill.proxy import Proxy

PATIENCE_S = 10.0

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that answers each line with the same line, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            while line := await reader.readline():
                self.heard.put_nowait(line)
                writer.write(line)
        except ConnectionError:
            pass
        finally:
            self.gone.set()
            writer.close()


@asynccontextmanager
async def _linked() -> AsyncIterator[tuple[Echo, Proxy]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    proxy = Proxy("test")
    proxy.target = server.sockets[0].getsockname()[:2]
    await proxy.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield echo, proxy
    finally:
        await proxy.stop()
        server.close()


async def _connected(proxy: Proxy) -> Ends:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def _said(ends: Ends, line: bytes) -> bytes:
    ends[1].write(line)
    return await ends[0].readline()


async def _broken(ends: Ends) -> bool:
    try:
        return await ends[0].read(1) == b""
    except ConnectionError:
        return True
    finally:
        ends[1].close()


async def test_octets_go_both_ways_however_many() -> None:
    """More than any buffer holds comes out whole and in order."""
    async with _linked() as (_, proxy):
        reader, writer = await _connected(proxy)
        line = b"x" * 60_000 + b"\n"
        writer.writelines([line] * 50)
        assert [await reader.readexactly(len(line)) for _ in range(50)] == [line] * 50
        writer.close()


async def test_a_cut_breaks_both_ends_off_and_lets_nobody_in_meanwhile() -> None:
    """Afterwards a new connection works."""
    async with _linked() as (echo, proxy):
        ends = await _connected(proxy)
        assert await _said(ends, b"one\n") == b"one\n"
        async with proxy.cut_off():
            assert await _broken(ends)
            await echo.gone.wait()
            assert await _broken(await _connected(proxy))
        ends = await _connected(proxy)
        assert await _said(ends, b"two\n") == b"two\n"
        ends[1].close()


async def test_a_stall_holds_everything_up_and_loses_nothing() -> None:
    """What was said meanwhile arrives afterwards, also over a connection that was made meanwhile."""
    async with _linked() as (echo, proxy):
        ends = await _connected(proxy)
        assert await _said(ends, b"one\n") == b"one\n"
        echo.heard.get_nowait()
        async with proxy.held_up():
            late = await _connected(proxy)
            ends[1].write(b"two\n")
            late[1].write(b"three\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(echo.heard.get(), 0.2)
        assert await ends[0].readline() == b"two\n"
        assert await late[0].readline() == b"three\n"
        for _, writer in (ends, late):
            writer.close()


async def test_a_half_close_leaves_the_server_believing_in_the_client() -> None:
    """The client is cut; the server hears nothing of it until the fault is over."""
    async with _linked() as (echo, proxy):
        ends = await _connected(proxy)
        assert await _said(ends, b"one\n") == b"one\n"
        async with proxy.half_closed():
            assert await _broken(ends)
            assert not echo.gone.is_set()
            fresh = await _connected(proxy)
            assert await _said(fresh, b"two\n") == b"two\n"
        await echo.gone.wait()
        fresh[1].close()


async def test_answers_get_lost_after_the_server_has_heard() -> None:
    """The worst of all: it is done, and who asked for it is never told."""
    async with _linked() as (echo, proxy):
        ends = await _connected(proxy)
        async with proxy.answerless():
            ends[1].write(b"one\n")
            assert await echo.heard.get() == b"one\n"
        assert await _broken(ends)


async def test_a_server_that_is_away_breaks_the_connection_off() -> None:
    """As it would without a proxy in between."""
    async with _linked() as (_, proxy):
        proxy.target = ("127.0.0.1", 1)
        assert await _broken(await _connected(proxy))
