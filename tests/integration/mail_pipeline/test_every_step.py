"""Each step of a mail, answered in each way there is, with and without groups."""

import asyncio

import pytest

from comanda.mail.pipeline import Outgoing, Patience
from tests.fakes.pipelined_smtp import CUT, SILENCE, PipelinedSmtp, Step
from tests.fakes.sending import Told, content, mails, streaming

STEPS: list[Step] = ["MAIL", "RCPT", "DATA", "content"]
GROUPS = ["PIPELINING", "SIZE", "8BITMIME"]
SINGLE = ["SIZE", "8BITMIME"]


@pytest.fixture(params=["groups", "groups, lenient", "single"])
def server(request: pytest.FixtureRequest) -> PipelinedSmtp:
    """A server that takes groups of commands, one that says 354 too easily, and one that wants them one by one."""
    server = PipelinedSmtp(SINGLE if request.param == "single" else GROUPS)
    server.lenient = request.param == "groups, lenient"
    return server


async def test_all_go_well(server: PipelinedSmtp) -> None:
    """Mails come out as they were, in their order, over one connection, which serves for a second sequence."""
    told = Told()
    sequence = mails(5)
    async with streaming(server) as stream:
        assert await stream.send((next(sequence) for _ in range(3)), told) is None
        assert await stream.send(sequence, told) is None
    assert told.kinds == ["accepted"] * 5
    assert told.outcomes[4][1:] == ("250 2.0.0 kept", 250, "2.0.0", "content")
    assert server.taken == [content(number) for number in range(5)]
    assert server.commands[1] == f"MAIL FROM:<news@example.com> SIZE={len(content(0))}"
    assert server.commands[2] == "RCPT TO:<guest-0@example.com>"
    assert (server.faults, server.connections, server.commands[-1]) == ([], 1, "QUIT")


@pytest.mark.parametrize("answer", ["450 4.2.1 later", "550 5.1.1 nobody", "552-5.3.4 too\r\n552 5.3.4 large"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_refusal(server: PipelinedSmtp, step: Step, answer: str) -> None:
    """A refused mail is told with all that the server said, and those beside it arrive over the same connection."""
    told = Told()
    server.order(step, "", answer)
    async with streaming(server) as stream:
        assert await stream.send(mails(4), told) is None
    kind = "refused_for_now" if answer.startswith("4") else "refused_for_good"
    assert told.kinds == ["accepted", kind, "accepted", "accepted"]
    _, text, code, enhanced, where = told.outcomes[1]
    assert (code, enhanced, where) == (int(answer[:3]), answer[4:9], step)
    assert text.startswith(answer[:3])
    assert server.taken == [content(number) for number in (0, 2, 3)]
    assert (server.faults, server.connections) == ([], 1)


@pytest.mark.parametrize("step", STEPS)
async def test_all_are_refused(server: PipelinedSmtp, step: Step) -> None:
    """One refusal after the other leaves nothing half-way, at the end of a sequence neither."""
    told = Told()
    server.order(step, *["451 no"] * 6)
    async with streaming(server) as stream:
        sequence = mails(7)
        assert await stream.send((next(sequence) for _ in range(3)), told) is None
        assert await stream.send(sequence, told) is None
    assert told.kinds == ["refused_for_now"] * 6 + ["accepted"]
    assert server.taken == [content(6)]
    assert server.faults == []


def _after(server: PipelinedSmtp, step: Step, kind: str) -> list[str]:
    """Return the kinds of a sequence whose second mail ended the session at that step."""
    behind = ["unsent"] if step == "content" and server.pipelining else []
    return ["accepted", kind, *behind]


@pytest.mark.parametrize("step", STEPS)
async def test_the_server_closes(server: PipelinedSmtp, step: Step) -> None:
    """421 is a refusal for now of the mail it answers; the next is unsent, and the rest is left where it is."""
    told = Told()
    server.order(step, "", "421 4.3.2 closing")
    rest = mails(4)
    async with streaming(server) as stream:
        ended = await stream.send(rest, told)
        assert ended is not None
        assert ended.code == 421
        assert await stream.send(rest, told) == ended
    assert told.kinds == _after(server, step, "refused_for_now")
    assert [mail.key for mail in rest] == list(range(len(told.outcomes), 4))
    assert server.taken == [content(0)]


NO_ANSWERS = [CUT, "nonsense", "99 no", "250-one\r\n550 two", "x" * 9000]
OUT_OF_STEP: dict[Step, str] = {"MAIL": "354 go", "RCPT": "354 go", "DATA": "250 ok", "content": "354 again"}


@pytest.mark.parametrize(
    ("step", "answer"), [*OUT_OF_STEP.items(), *((step, answer) for step in STEPS for answer in NO_ANSWERS)]
)
async def test_what_is_no_answer(server: PipelinedSmtp, step: Step, answer: str) -> None:
    """A cut, or words that make no sense at that step: before the content the mail is unsent, after it uncertain."""
    told = Told()
    server.order(step, "", answer)
    rest = mails(4)
    async with streaming(server) as stream:
        ended = await stream.send(rest, told)
        assert ended is not None
        assert ended.code is None
    assert told.kinds == _after(server, step, "uncertain" if step == "content" else "unsent")
    assert [mail.key for mail in rest] == list(range(len(told.outcomes), 4))


@pytest.mark.slow  # Waits for timers to run out; two seconds give a busy machine time for what should not time out.
async def test_silence() -> None:
    """A server that says nothing is left when the time of that step is up, whose mail is unsent or uncertain."""

    async def silent(server: PipelinedSmtp, step: Step) -> None:
        usual = {"command_s": 60.0, "data_s": 60.0, "content_s": 60.0}
        which = {"MAIL": "command_s", "RCPT": "command_s", "DATA": "data_s", "content": "content_s"}[step]
        told = Told()
        server.order(step, "", SILENCE)
        async with streaming(server, Patience(**usual | {which: 2.0})) as stream:
            ended = await stream.send(mails(4), told)
            assert ended is not None
            assert ended.cause == "time"
        assert told.kinds == _after(server, step, "uncertain" if step == "content" else "unsent")

    await asyncio.gather(*(silent(PipelinedSmtp(offer), step) for offer in (GROUPS, SINGLE) for step in STEPS))


async def test_an_answer_before_its_question() -> None:
    """An acceptance that comes with the go-ahead is none: it was written before the content was."""
    server = PipelinedSmtp()
    server.order("DATA", "354 go\r\n250 kept")
    told = Told()
    async with streaming(server) as stream:
        assert await stream.send(mails(1), told) is not None
    assert told.kinds == ["uncertain"]


async def test_no_empty_mail_to_a_recipient_without_a_sender() -> None:
    """When MAIL was refused and RCPT was not, no dot is sent that would end in an empty mail to somebody."""
    server = PipelinedSmtp()
    server.order("MAIL", "550 not you")
    server.order("RCPT", "250 ok")
    told = Told()
    async with streaming(server) as stream:
        assert await stream.send(mails(3), told) is not None
    assert told.kinds == ["refused_for_good"]
    assert server.taken == []


async def test_a_failed_reset_ends_the_session() -> None:
    """A server that does not forget a half-way mail gets no other one on top of it."""
    server = PipelinedSmtp()
    server.order("DATA", "451 no")
    server.order("RSET", "500 what")
    told = Told()
    async with streaming(server) as stream:
        assert await stream.send(mails(3), told) is not None
    assert told.kinds == ["refused_for_now", "unsent"]
    assert server.taken == []


async def test_streams_share_what_there_is(server: PipelinedSmtp) -> None:
    """Two connections that take from one iterator send each mail once between them."""
    told = Told()
    async with streaming(server) as one, streaming(other := PipelinedSmtp()) as two:
        sequence = mails(100)
        await asyncio.gather(one.send(sequence, told), two.send(sequence, told))
    assert told.kinds == ["accepted"] * 100
    assert sorted(server.taken + other.taken) == sorted(content(number) for number in range(100))
    assert server.taken
    assert other.taken


async def test_what_cannot_go_to_this_server(server: PipelinedSmtp) -> None:
    """Mails that the server would not take are refused without a word to it, and the others go out."""
    server.extensions = [each for each in server.extensions if each == "PIPELINING"] + ["SIZE 100"]
    told = Told()
    good, guest = content(0), "guest@example.com"
    async with streaming(server) as stream:
        await stream.send(
            iter(
                [
                    Outgoing("", guest, good, 0),
                    Outgoing("", guest, b"x" * 101, 1),
                    Outgoing("", "jürgen@example.com", good, 2),
                    Outgoing("", guest, "ü\r\n".encode(), 3),
                    Outgoing("", "a@example.com>\r\nRCPT TO:<b@example.com", good, 4),
                    Outgoing("a b@example.com", guest, good, 5),
                    Outgoing("", guest, b"x\n.\r\nMAIL FROM:<>\r\n", 6),
                    Outgoing("", guest, good, 7),
                ]
            ),
            told,
        )
    assert told.kinds == ["accepted", *["refused_for_good"] * 6, "accepted"]
    assert len(server.taken) == 2
    assert {told.outcomes[key].step for key in range(1, 7)} == {None}


async def test_letters_and_octets(server: PipelinedSmtp) -> None:
    """Addresses of other letters and octets over 127 go to a server that takes them, with the parameters they need."""
    server.extensions.append("SMTPUTF8")
    told = Told()
    async with streaming(server) as stream:
        await stream.send(iter([Outgoing("é@example.com", "ü@example.com", "ü\r\n".encode(), 0)]), told)
    assert told.kinds == ["accepted"]
    assert server.taken == ["ü\r\n".encode()]
    assert server.commands[1:3] == [
        "MAIL FROM:<é@example.com> SIZE=4 BODY=8BITMIME SMTPUTF8",
        "RCPT TO:<ü@example.com>",
    ]
