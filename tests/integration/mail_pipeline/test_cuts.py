"""The connection cut at every octet, and cancelled: nothing is lost, and nothing that was taken is called unsent."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Literal

import pytest

from comanda.mail.errors import Abandoned
from comanda.mail.pipeline import CannotConnect, Ended, Outcome, Outgoing, Session, Stream, connect
from tests.fakes.pipelined_smtp import SILENCE, PipelinedSmtp, Step
from tests.fakes.sending import Told, address, content, mails, serving, streaming

Direction = Literal["hears", "says"]
COUNT = 3
AT_ONCE = 40


async def send_all(server: PipelinedSmtp) -> Told:
    """Send three mails over one connection and check what must hold wherever it was cut."""
    told = Told()
    rest = mails(COUNT)
    async with serving(server):
        try:
            stream = Stream(await connect(address(server)))
        except CannotConnect:
            assert server.taken == []
            return told
        await stream.send(rest, told)
        if stream.ended is None:
            await stream.close()
    kinds = told.kinds
    assert [mail.key for mail in rest] == list(range(len(kinds), COUNT))
    taken = {number for number in range(COUNT) if content(number) in server.taken}
    assert len(server.taken) == len(taken)
    accepted = {key for key, outcome in told.outcomes.items() if outcome.kind == "accepted"}
    uncertain = {key for key, outcome in told.outcomes.items() if outcome.kind == "uncertain"}
    assert accepted <= taken <= accepted | uncertain
    assert len(uncertain) <= 1
    assert set(kinds) <= {"accepted", "uncertain", "unsent"}
    return told


@pytest.mark.slow  # Some hundred connections, one for each octet.
@pytest.mark.parametrize("direction", ["hears", "says"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["groups", "single"])
async def test_cut_at_every_octet(extensions: Sequence[str], direction: Direction) -> None:
    """Wherever a connection ends: accepted ⊆ taken ⊆ accepted or uncertain, of which there is one at most."""
    whole = PipelinedSmtp(extensions)
    assert (await send_all(whole)).kinds == ["accepted"] * COUNT
    seen: set[str] = set()

    async def cut(at: int) -> None:
        server = PipelinedSmtp(extensions)
        setattr(server, direction, at)
        seen.update((await send_all(server)).kinds)

    length = whole.heard if direction == "hears" else whole.said
    for start in range(0, length, AT_ONCE):
        await asyncio.gather(*(cut(at) for at in range(start, min(start + AT_ONCE, length))))
    assert seen == {"accepted", "uncertain", "unsent"}


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_cancelled_before_the_content(step: Step) -> None:
    """A cancellation before the content went out is a plain one, and the mail is unsent."""
    server, told, rest = PipelinedSmtp(), Told(), mails(4)
    server.order(step, "", SILENCE)
    async with streaming(server) as stream:
        sending = asyncio.create_task(stream.send(rest, told))
        await server.silent.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await sending
        assert not isinstance(raised.value, Abandoned)
        assert stream.ended is not None
    assert told.kinds == ["accepted", "unsent"]
    assert [mail.key for mail in rest] == [2, 3]


async def test_cancelled_after_the_content() -> None:
    """A cancellation while an answer is waited for says so, and that one mail is uncertain."""
    server, told, rest = PipelinedSmtp(), Told(), mails(4)
    server.order("content", "", SILENCE)
    async with streaming(server) as stream:
        sending = asyncio.create_task(stream.send(rest, told))
        await server.silent.wait()
        sending.cancel()
        with pytest.raises(Abandoned):
            await sending
    assert told.kinds == ["accepted", "uncertain", "unsent"]
    assert server.taken == [content(0), content(1)]
    assert [mail.key for mail in rest] == [3]


async def test_the_source_fails() -> None:
    """When no further mail can be made, those in hand are finished, and the session lives on."""

    def failing() -> Iterator[Outgoing[int]]:
        yield from mails(2)
        raise KeyError("no template")

    server, told = PipelinedSmtp(), Told()
    async with streaming(server) as stream:
        with pytest.raises(KeyError, match="no template"):
            await stream.send(failing(), told)
        assert stream.ended is None
    assert told.kinds == ["accepted", "accepted"]


async def test_the_report_fails() -> None:
    """When a report fails, no further mail is taken, and those in hand are finished and reported."""
    server, told, rest = PipelinedSmtp(), Told(), mails(5)

    def report(mail: Outgoing[int], outcome: Outcome) -> None:
        told(mail, outcome)
        if mail.key == 1:
            raise OSError("disk full")

    async with streaming(server) as stream:
        with pytest.raises(OSError, match="disk full"):
            await stream.send(rest, report)
    assert told.kinds == ["accepted"] * 3
    assert [mail.key for mail in rest] == [3, 4]


async def test_one_sequence_at_a_time() -> None:
    """A second sequence over a stream that sends is a mistake of the caller's, and does not disturb the first."""
    server, told = PipelinedSmtp(), Told()
    async with streaming(server) as stream:
        sending = asyncio.create_task(stream.send(mails(3), told))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await stream.send(mails(3), told)
        await sending
    assert told.kinds == ["accepted"] * 3


class Watched(Stream):
    """Says when its session has ended."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.over = asyncio.Event()

    def lost(self, ended: Ended) -> None:
        """Say so."""
        super().lost(ended)
        self.over.set()


async def test_a_server_that_left_meanwhile() -> None:
    """A session that ended between two sequences takes no mail from the second."""
    told, rest = Told(), mails(3)
    async with serving(PipelinedSmtp()) as server:
        stream = Watched(await connect(address(server)))
        await stream.send((next(rest) for _ in range(1)), told)
        for dialogue in list(server.open):
            dialogue.hang_up()
        await stream.over.wait()
        assert await stream.send(rest, told) is not None
    assert told.kinds == ["accepted"]
    assert [mail.key for mail in rest] == [1, 2]
