"""A few mails, sent to a scripted server, and what was said of each."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from comanda.mail.pipeline import Outcome, Outgoing, Patience, Server, Session, Stream, connect
from comanda.mail.pipeline.outcome import Kind
from tests.fakes.pipelined_smtp import PipelinedSmtp

CALM = Patience(connect_s=60, greeting_s=60, command_s=60, data_s=60, content_s=60, quit_s=60)


def content(number: int) -> bytes:
    """Return a short content that is the number's own, with a line that begins with a dot."""
    return b"Subject: Mail %d\r\n\r\n.hidden\r\n" % number


def mails(count: int) -> Iterator[Outgoing[int]]:
    """Yield mails numbered from 0; the number is the key."""
    for number in range(count):
        yield Outgoing("news@example.com", f"guest-{number}@example.com", content(number), number)


class Told:
    """What was reported, by key, each once."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}

    def __call__(self, mail: Outgoing[int], outcome: Outcome) -> None:
        """Take one report."""
        assert mail.key not in self.outcomes
        self.outcomes[mail.key] = outcome

    @property
    def kinds(self) -> list[Kind]:
        """The outcomes' kinds in the order of the keys, which are without gaps."""
        assert sorted(self.outcomes) == list(range(len(self.outcomes)))
        return [self.outcomes[key].kind for key in sorted(self.outcomes)]


def address(server: PipelinedSmtp, patience: Patience = CALM) -> Server:
    """Return where a scripted server is, without TLS."""
    return Server(host="127.0.0.1", port=server.port, tls="none", patience=patience)


@asynccontextmanager
async def serving(server: PipelinedSmtp) -> AsyncIterator[PipelinedSmtp]:
    """Let a scripted server listen for the length of the block."""
    await server.listen()
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def streaming(server: PipelinedSmtp, patience: Patience = CALM) -> AsyncIterator[Stream]:
    """Serve and connect for the length of the block."""
    async with serving(server):
        session: Session = await connect(address(server, patience))
        stream = Stream(session)
        try:
            yield stream
        finally:
            await stream.close()
