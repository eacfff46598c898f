"""An SMTP server that keeps its rules strictly, breaks them as it is told, and can be cut off at any octet."""

import asyncio
import base64
import ssl
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, cast

Step = Literal["greeting", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content", "RSET", "dot"]

CUT = "cut"
"""Close the connection instead of answering."""

SILENCE = "silence"
"""Never answer."""

ANSWERS: dict[Step, str] = {
    "greeting": "220 ready",
    "HELO": "250 hello",
    "STARTTLS": "220 go",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go",
    "content": "250 2.0.0 kept",
    "RSET": "250 2.0.0 ok",
    "dot": "554 5.5.1 no valid recipients",
}

BEGIN: dict[str, Step] = {"EHLO": "EHLO", "HELO": "HELO", "RSET": "RSET"}
"""Commands that leave no mail half-way."""


class PipelinedSmtp:
    """Takes mails over any number of connections.

    Attributes:
        extensions: what EHLO offers.
        lenient: answer DATA with 354 though nobody gets the mail, as RFC 2920, 3.1 allows.
        hears: octets of the client after which the first connection is cut, or None.
        says: octets to the client after which the first connection is cut, or None.
        user, password: who may log in.
        context: for TLS, or None.
        implicit: TLS from the first octet.
        taken: the contents of the mails that it has accepted, dots undone.
        commands: all lines that were commands.
        faults: rules that the client has broken.
        connections: how many were opened.
        heard, said: octets of the first connection.
        silent: set when a client first waits for an answer that does not come.
    """

    def __init__(self, extensions: Sequence[str] = ("PIPELINING", "SIZE 100000", "8BITMIME")) -> None:
        self.extensions = list(extensions)
        self.lenient = False
        self.hears: int | None = None
        self.says: int | None = None
        self.user, self.password = "me", "secret"
        self.context: ssl.SSLContext | None = None
        self.implicit = False
        self.taken: list[bytes] = []
        self.commands: list[str] = []
        self.faults: list[str] = []
        self.connections = 0
        self.heard = 0
        self.said = 0
        self.silent = asyncio.Event()
        self.port = 0
        self.orders: dict[Step, list[str]] = defaultdict(list)
        self.open: set[Dialogue] = set()
        self._server: asyncio.Server | None = None

    @property
    def pipelining(self) -> bool:
        """Whether groups were offered."""
        return any(each.startswith("PIPELINING") for each in self.extensions)

    def order(self, step: Step, *answers: str) -> None:
        """Answer the next ones of a step so: digits and words, `CUT`, `SILENCE`, or "" for the usual."""
        self.orders[step] += answers

    async def listen(self) -> None:
        """Listen at a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Dialogue(self), "127.0.0.1", 0, ssl=self.context if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
        for dialogue in list(self.open):
            dialogue.hang_up()


class Dialogue(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: PipelinedSmtp) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.first = server.connections == 0
        self.buffer = b""
        self.over = False
        self.stuck = False
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.in_content = False
        self.log_in: list[str] | None = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = cast("asyncio.Transport", transport)
        self.server.connections += 1
        self.server.open.add(self)
        self.answer("greeting")

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the connection."""
        self.over = True
        self.server.open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Do what the client says, up to the octet at which it is cut off."""
        cut = False
        if self.first and self.server.hears is not None:
            room = self.server.hears - self.server.heard
            data, cut = data[:room], len(data) >= room
        if self.first:
            self.server.heard += len(data)
        self.buffer += data
        while not self.over and not self.stuck and (self.content() if self.in_content else self.line()):
            pass
        if cut:
            self.hang_up()

    def line(self) -> bool:
        """Take one command; return whether there was one."""
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        if self.log_in is not None:
            self.log_in_with(line.decode())
            return True
        command = line.decode()
        self.server.commands.append(command)
        verb = command.partition(" ")[0].upper()
        if rest and (verb in {"EHLO", "HELO", "DATA", "STARTTLS", "QUIT"} or not self.server.pipelining):
            self.server.faults.append(f"{rest!r} behind {verb}")
        if verb in {"MAIL", "RCPT", "DATA"}:
            self.envelope(verb, command)
        elif verb in {"AUTH", "STARTTLS"}:
            self.secure(verb, command)
        elif verb in {"EHLO", "HELO", "RSET"}:
            self.reset()
            offer = "".join(f"250-{each}\r\n" for each in ("test.example", *self.server.extensions))
            self.answer(BEGIN[verb], f"{offer}250 HELP" if verb == "EHLO" else None)
        elif verb == "QUIT":
            self.write(b"221 bye\r\n")
            self.hang_up()
        else:
            self.write(b"500 what\r\n")
        return True

    def envelope(self, verb: str, command: str) -> None:
        """Take a command that begins a mail."""
        if verb == "MAIL":
            if self.sender is not None:
                self.server.faults.append("a MAIL inside a transaction")
            if self.answer("MAIL", wrong="503 5.5.1 nested" if self.sender is not None else None):
                self.sender = command
        elif verb == "RCPT":
            if self.answer("RCPT", wrong="503 5.5.1 MAIL first" if self.sender is None else None):
                self.recipients.append(command)
        else:
            missing = not self.recipients and not self.server.lenient
            self.in_content = self.answer("DATA", wrong="503 5.5.1 RCPT first" if missing else None)

    def secure(self, verb: str, command: str) -> None:
        """Take a command that begins TLS or a log-in."""
        if verb == "AUTH":
            self.begin_log_in(command)
        elif self.answer("STARTTLS"):
            self.stuck = True
            self.task = asyncio.get_running_loop().create_task(self.encrypt())

    def content(self) -> bool:
        """Take a whole content; return whether it was there."""
        if self.buffer.startswith(b".\r\n"):
            content, rest = b"", self.buffer[3:]
        else:
            content, end, rest = self.buffer.partition(b"\r\n.\r\n")
            if not end:
                return False
            content += b"\r\n"
        self.buffer, self.in_content = rest, False
        if rest and not self.server.pipelining:
            self.server.faults.append(f"{rest!r} behind the content")
        if not self.recipients:
            if content:
                self.server.faults.append("a content to nobody")
            self.reset()
            self.answer("dot")
            return True
        self.reset()
        text = b"\r\n".join(line.removeprefix(b".") for line in content.split(b"\r\n"))
        order = self.server.orders["content"][:1]
        # What it does not answer, it has taken nevertheless.
        if not order or order[0] in {"", CUT, SILENCE} or not order[0].startswith(("4", "5")):
            self.server.taken.append(text)
        self.answer("content")
        return True

    def reset(self) -> None:
        """Begin anew."""
        self.sender, self.recipients = None, []

    def answer(self, step: Step, usual: str | None = None, *, wrong: str | None = None) -> bool:
        """Answer as ordered, or else as usual; return whether it was a good one."""
        orders = self.server.orders[step]
        text = (orders.pop(0) if orders else "") or wrong or usual or ANSWERS[step]
        if text == CUT:
            self.hang_up()
        elif text == SILENCE:
            self.stuck = True
            self.server.silent.set()
        else:
            self.write(f"{text}\r\n".encode())
            if text.startswith("421"):
                self.hang_up()
            return text[0] in "23"
        return False

    def write(self, data: bytes) -> None:
        """Write, up to the octet at which the connection is cut."""
        if self.over or self.transport is None:
            return
        cut = False
        if self.first and self.server.says is not None:
            room = self.server.says - self.server.said
            data, cut = data[:room], len(data) >= room
        if self.first:
            self.server.said += len(data)
        self.transport.write(data)
        if cut:
            self.hang_up()

    def hang_up(self) -> None:
        """Close, once what was said is out."""
        self.over = True
        if self.transport is not None:
            self.transport.close()

    async def encrypt(self) -> None:
        """Go over to TLS."""
        assert self.transport is not None
        assert self.server.context is not None
        try:
            self.transport = await asyncio.get_running_loop().start_tls(
                self.transport, self, self.server.context, server_side=True
            )
        except (OSError, asyncio.CancelledError):
            self.hang_up()
            return
        # What came in before the new transport was here could only have been answered in the clear.
        self.stuck = False
        self.data_received(b"")

    def begin_log_in(self, command: str) -> None:
        """Take an AUTH command."""
        _, mechanism, *words = command.split(" ")
        if words or mechanism == "LOGIN":
            self.log_in = [mechanism]
        if words:
            self.log_in_with(words[0])
        elif mechanism == "LOGIN":
            self.write(b"334 VXNlcm5hbWU6\r\n")
        else:
            self.log_in = [mechanism]
            self.write(b"334 \r\n")

    def log_in_with(self, word: str) -> None:
        """Take one word of a log-in, and answer when it was the last."""
        assert self.log_in is not None
        self.log_in.append(base64.b64decode(word).decode())
        mechanism, *words = self.log_in
        if mechanism == "LOGIN" and len(words) == 1:
            self.write(b"334 UGFzc3dvcmQ6\r\n")
            return
        self.log_in = None
        said = tuple(words) if mechanism == "LOGIN" else tuple(words[0].split("\0")[1:])
        right = said == (self.server.user, self.server.password)
        self.answer("AUTH", "235 2.7.0 in" if right else "535 5.7.8 not you")
