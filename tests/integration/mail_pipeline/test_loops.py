"""The same over the event loop that the program runs on."""

import asyncio

import uvloop

from tests.fakes.pipelined_smtp import PipelinedSmtp
from tests.fakes.sending import Told, mails, streaming


def test_uvloop() -> None:
    """On uvloop, whose transports are no subclass of asyncio's, mails go out as on asyncio's own loop."""

    async def send() -> list[str]:
        told = Told()
        async with streaming(PipelinedSmtp()) as stream, asyncio.timeout(20):
            await stream.send(mails(3), told)
        return [*told.kinds]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(send()) == ["accepted"] * 3
