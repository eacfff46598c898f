"""Replies of an SMTP server (RFC 5321, 4.2), cut from the octets as they come in."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from comanda.mail.errors import MailError

LONGEST_LINE = 4096
"""Octets; RFC 5321 allows 512, and some servers write more."""

MOST_LINES = 256
"""Lines of one reply; an EHLO's has about 15."""

CODES = {b"%d" % code: code for code in range(200, 600)}
"""From the three digits to their number; what is not here is no reply."""

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


class Malformed(MailError):
    """What the server wrote is not SMTP."""


class Reply(NamedTuple):
    """One reply.

    Attributes:
        code: 200 to 599.
        lines: what stands behind the code in each line, at least one, without the line's end.
    """

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The server's words without the code, lines joined by a space; octets that are not UTF-8 are replaced."""
        return b" ".join(self.lines).decode(errors="replace")

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code that the reply begins with (RFC 2034), if it is of the same class as the code."""
        found = _ENHANCED.match(self.lines[0].decode(errors="replace"))
        return found[1] if found and int(found[1][0]) == self.code // 100 else None

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


class ReplyReader:
    """Cuts replies from what comes in, however it was split. Lines may end in LF alone, as some servers write them."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._code = 0

    def clear(self) -> None:
        """Forget what has come in and is not a reply yet."""
        self._rest, self._lines, self._code = b"", [], 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that are complete with these octets; to be exhausted.

        Raises:
            Malformed: what follows the replies yielded before is no reply, or is longer than allowed.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            reply = self._line(line[:-1] if line[-1:] == b"\r" else line)
            if reply is not None:
                yield reply
        if len(self._rest) > LONGEST_LINE:
            raise Malformed(f"The server wrote a line of more than {LONGEST_LINE} octets.")

    def _line(self, line: bytes) -> Reply | None:
        code, mark = CODES.get(line[:3], 0), line[3:4]
        if not code or (mark and mark not in b" -") or (self._lines and code != self._code):
            raise Malformed(f"The server wrote {line[:80].decode(errors='replace')!r}, which is no SMTP reply.")
        if len(line) > LONGEST_LINE or len(self._lines) >= MOST_LINES:
            raise Malformed(f"The server wrote a reply of over {LONGEST_LINE} octets a line or {MOST_LINES} lines.")
        if mark == b"-":
            self._code = code
            self._lines.append(line[4:])
            return None
        if not self._lines:
            return Reply(code, (line[4:],))
        reply = Reply(code, (*self._lines, line[4:]))
        self._lines = []
        return reply
