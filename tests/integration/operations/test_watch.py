"""The lanes live: one look for all who watch, none when nobody does, and each change reaches the browser."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest
import uvicorn

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer
from comanda.operations.watch import LaneWatch
from tests.fakes.front import front
from tests.fakes.lanes import PATIENCE_S
from tests.integration.operations.conftest import Sessions, emit, room


@pytest.fixture
async def watch(database: Database, ring: Consumer) -> AsyncIterator[LaneWatch]:
    """Return a watch that looks often."""
    watch = LaneWatch(database, [ring], SystemClock(), every_s=0.05, fresh_s=3600)
    yield watch
    await watch.stop()


async def test_many_who_ask_at_once_cost_one_look(watch: LaneWatch) -> None:
    """Single flight, and a picture that is fresh is given again."""
    seen = await asyncio.gather(*(watch.now() for _ in range(20)))
    assert watch.looks == 1
    assert all(one is seen[0] for one in seen)
    assert not watch.watching


async def test_all_who_follow_share_the_looks(watch: LaneWatch, database: Database, log: EventLog) -> None:
    """Three followers see the same pictures; when the last one has left, nobody looks any more."""
    async with asyncio.timeout(PATIENCE_S):
        followers = [watch.follow() for _ in range(3)]
        first = [await anext(follower) for follower in followers]
        await emit(database, log, "a")
        backlog = 0
        while not backlog:
            seen = await asyncio.gather(*(anext(follower) for follower in followers))
            assert all(one is seen[0] for one in seen)
            assert seen[0] is not first[0]
            backlog = 0 if seen[0] is None else seen[0].lanes[0].backlog
        for follower in followers:
            assert watch.watching
            await follower.aclose()
        assert not watch.watching


async def test_a_database_that_is_away_and_comes_back(database: Database, watch: LaneWatch) -> None:
    """Those who follow are told, and go on by themselves."""
    async with asyncio.timeout(PATIENCE_S), aclosing(watch.follow()) as follower:
        assert await anext(follower) is not None
        await database.stop()
        while await anext(follower) is not None:
            pass
        await database.start()
        while await anext(follower) is None:
            pass


@asynccontextmanager
async def served(database: Database, consumer: Consumer) -> AsyncIterator[str]:
    """Serve the room by the real web server; lend its address."""
    module = room(database, consumer)
    config = uvicorn.Config(front([module], Sessions()), log_config=None, lifespan="off")
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
        for service in module.services:
            await service.stop()


@pytest.mark.slow  # The stream looks every two seconds.
async def test_a_change_reaches_the_browser(database: Database, log: EventLog, ring: Consumer) -> None:
    """The stream sends the lanes at once, and again with the event that has come meanwhile; for one lane too."""
    async with served(database, ring) as address, httpx.AsyncClient(base_url=address, timeout=PATIENCE_S) as client:
        client.cookies.set("comanda_session", "operator")
        for path in ("/ops/stream", "/ops/stream?lane=bells.ring"):
            async with client.stream("GET", path) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                parts = events_of(answer)
                kind, before = await anext(parts)
                assert kind == "lanes"
                await emit(database, log, "a")
                async for kind, part in parts:
                    if kind == "lanes" and backlog_in(part) == backlog_in(before) + 1:
                        break
        async with client.stream("GET", "/ops/stream?lane=no.such") as answer:
            assert await anext(events_of(answer)) == ("lanes", "")


async def events_of(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield the kind and the text of each event of a stream."""
    kind, lines = "", list[str]()
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            lines.append(line.removeprefix("data: "))
        elif not line and kind:
            yield kind, "\n".join(lines)
            kind, lines = "", []


def backlog_in(part: str) -> int:
    """Return the number on the part's first card."""
    return int(part.split("<dt>Backlog</dt><dd>")[1].split("<", maxsplit=1)[0])
