"""An SMTP server that misbehaves as it is told, step by step."""

import asyncio
from collections import defaultdict
from typing import Literal

Step = Literal["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"]

CUT = "cut"
"""Close the connection instead of answering."""

ACCEPT_AND_CUT = "accept and cut"
"""Keep the mail, then close the connection instead of answering."""

SILENCE = "silence"
"""Never answer."""

ANSWERS = {"greeting": "220 ready", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "content": "250 kept"}


class ScriptedSmtp:
    """Takes mails, except for the steps it has orders for.

    Attributes:
        accepted: the contents of the mails it has taken, dots unstuffed.
        envelopes: the MAIL and RCPT commands of each.
        connections: how many were opened.
        extensions: what EHLO offers.
        silent: set when a client first waits for an answer that does not come.
    """

    def __init__(self) -> None:
        self.accepted: list[bytes] = []
        self.envelopes: list[list[str]] = []
        self.connections = 0
        self.extensions = ["SIZE 1000000", "8BITMIME"]
        self.silent = asyncio.Event()
        self.port = 0
        self._orders: dict[Step, list[str]] = defaultdict(list)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def order(self, step: Step, answer: str, *, times: int = 1) -> None:
        """Answer the next `times` of a step so: three digits and words, `CUT`, `ACCEPT_AND_CUT` or `SILENCE`."""
        self._orders[step] += [answer] * times

    def hang_up(self) -> None:
        """Cut all open connections."""
        for task in self._tasks:
            task.cancel()

    async def start(self) -> None:
        """Listen at a free port, or at the port of before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all."""
        if self._server is not None:
            self._server.close()
        self.hang_up()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._dialogue(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._answer(writer, "greeting"):
            return
        envelope: list[str] = []
        while line := (await reader.readuntil(b"\r\n")).decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "EHLO":
                offer = "".join(f"250-{each}\r\n" for each in ("scripted", *self.extensions)) + "250 HELP"
                going = await self._answer(writer, "EHLO", offer)
            elif verb in {"MAIL", "RCPT"}:
                envelope.append(line)
                going = await self._answer(writer, "MAIL" if verb == "MAIL" else "RCPT")
            elif verb == "DATA":
                going = await self._data(reader, writer, envelope)
                envelope = []
            else:
                envelope = []
                writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
                going = verb != "QUIT"
            if not going:
                return

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, envelope: list[str]) -> bool:
        planned = self._orders["DATA"][:1]
        if not await self._answer(writer, "DATA"):
            return False
        if planned and not planned[0].startswith("354"):
            return True
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        planned = self._orders["content"][:1]
        if not planned or planned[0].startswith("2") or planned[0] == ACCEPT_AND_CUT:
            self.accepted.append(b"".join(lines))
            self.envelopes.append(envelope)
        return await self._answer(writer, "content")

    async def _answer(self, writer: asyncio.StreamWriter, step: Step, usual: str | None = None) -> bool:
        answer = self._orders[step].pop(0) if self._orders[step] else usual or ANSWERS[step]
        if answer in {CUT, ACCEPT_AND_CUT}:
            return False
        if answer == SILENCE:
            self.silent.set()
            await asyncio.Event().wait()
        writer.write(answer.encode() + b"\r\n")
        return True
