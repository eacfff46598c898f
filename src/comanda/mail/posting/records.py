"""The records of a posting journal, and how they are cut from a file; the standard library only, for the guard's sake.

A record is a header (kind, connection, length of the body, CRC-32 of all of it) and a body. Files are made at their
full size and filled from the front, so that a full disk is met before a mail is begun: a zero where a kind should be,
or a record whose check fails, is the end.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

BEGUN, HEARD, TOLD, CLOSED = 1, 2, 3, 4
"""Kinds: a mail's end is about to be written; octets came in; what a mail's fate is; how far a connection got."""

_HEADER = struct.Struct("<BIII")
_BEGUN = struct.Struct("<IIQQ")
_HEARD = struct.Struct("<Q")
_TOLD = struct.Struct("<II")


class Record(NamedTuple):
    """One record.

    Attributes:
        kind: see above.
        connection: its number in this journal, from 1; 0 for a fate that no connection stands behind.
        body: as the kind has it.
    """

    kind: int
    connection: int
    body: bytes


class Begun(NamedTuple):
    """The body of BEGUN.

    Attributes:
        campaign, recipient: name the mail.
        answer_at: octets that had come in; the answer begins behind them.
        end_at: octets that have gone out when the mail has.
    """

    campaign: int
    recipient: int
    answer_at: int
    end_at: int


def packed(kind: int, connection: int, body: bytes) -> bytes:
    """Return a record as it stands in the file."""
    front = _HEADER.pack(kind, connection, len(body), 0)
    return _HEADER.pack(kind, connection, len(body), zlib.crc32(body, zlib.crc32(front))) + body


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file's content up to the first that is not whole."""
    at = 0
    while at + _HEADER.size <= len(data):
        kind, connection, length, check = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + _HEADER.size + length]
        front = _HEADER.pack(kind, connection, length, 0)
        if not kind or len(body) != length or zlib.crc32(body, zlib.crc32(front)) != check:
            return
        yield Record(kind, connection, body)
        at += _HEADER.size + length


def begun(connection: int, mail: Begun) -> bytes:
    """Return a BEGUN record."""
    return packed(BEGUN, connection, _BEGUN.pack(*mail))


def read_begun(body: bytes) -> Begun:
    """Return what a BEGUN record says."""
    return Begun(*_BEGUN.unpack(body))


def heard(connection: int, at: int, data: bytes) -> bytes:
    """Return a HEARD record of octets before which `at` had come in."""
    return packed(HEARD, connection, _HEARD.pack(at) + data)


def closed(connection: int, had_at_most: int) -> bytes:
    """Return a CLOSED record: the server had at most so many octets of ours, and nothing more will be heard of it."""
    return packed(CLOSED, connection, _HEARD.pack(had_at_most))


def read_offset(body: bytes) -> tuple[int, bytes]:
    """Return what a HEARD record says; of a CLOSED one the count alone."""
    return _HEARD.unpack_from(body)[0], body[_HEARD.size :]


def told(campaign: int, recipient: int, text: bytes) -> bytes:
    """Return a TOLD record."""
    return packed(TOLD, 0, _TOLD.pack(campaign, recipient) + text)


def read_told(body: bytes) -> tuple[int, int, bytes]:
    """Return what a TOLD record says."""
    campaign, recipient = _TOLD.unpack_from(body)
    return campaign, recipient, body[_TOLD.size :]


class Incoming:
    """What came in over one connection, put together from records that may overlap."""

    def __init__(self) -> None:
        self.start = 0
        self.data = bytearray()

    @property
    def end(self) -> int:
        """Octets that have come in."""
        return self.start + len(self.data)

    def add(self, at: int, data: bytes) -> None:
        """Add octets; those that stand here already are the same ones, looked at twice."""
        if at > self.end:
            # What lay between stood in a file that was not needed any more.
            self.start, self.data = at, bytearray(data)
        else:
            self.data += data[self.end - at :]

    def forget_before(self, at: int) -> None:
        """Drop what nobody will ask for."""
        if at > self.start:
            del self.data[: at - self.start]
            self.start = max(at, self.start)

    def reply(self, at: int) -> bytes | None:
        """Return the whole reply that begins at an offset, or None if it is not all here."""
        if at < self.start:
            return None
        begin = line = at - self.start
        while (end := self.data.find(b"\n", line)) >= 0:
            if self.data[line + 3 : line + 4] != b"-":
                return bytes(self.data[begin : end + 1])
            line = end + 1
        return None
