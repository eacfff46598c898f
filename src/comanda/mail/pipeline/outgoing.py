"""A mail as it goes over the wire: its envelope's commands, and its content with dots doubled."""

import re
from typing import Generic, NamedTuple, TypeVar

from comanda.mail.errors import BadMessage
from comanda.mail.pipeline.capabilities import Capabilities

Key = TypeVar("Key")

LONGEST_ADDRESS = 320
"""Octets: 64 before the @ and 255 behind it (RFC 5321, 4.5.3.1)."""

_NOT_IN_PATH = re.compile(r"[\x00-\x20<>\x7f]")


class Outgoing(NamedTuple, Generic[Key]):
    """One mail to one recipient.

    Attributes:
        sender: the envelope's sender, empty for none; a domain of other letters in its IDNA form.
        recipient: the envelope's recipient, likewise.
        content: the whole message, lines ended by CRLF, dots at a line's beginning *not* doubled yet, no final dot.
        key: the caller's own, to know the mail by.
    """

    sender: str
    recipient: str
    content: bytes
    key: Key


def envelope(mail: Outgoing[Key], offered: Capabilities) -> tuple[bytes, bytes]:
    """Return the MAIL and the RCPT command of a mail, with the parameters that the server has a use for.

    Raises:
        BadMessage: the mail cannot go to this server: an address that is none, a size or letters that it does not take.
    """
    sender, recipient, content, _ = mail
    size = len(content)
    if offered.most_octets is not None and size > offered.most_octets:
        raise BadMessage(f"The mail has {size} octets; the server takes {offered.most_octets}.")
    options = f" SIZE={size}" if offered.size else ""
    if not content.isascii():
        if not offered.eight_bit:
            raise BadMessage("The mail has octets over 127; the server takes only seven bits.")
        options += " BODY=8BITMIME"
    if not (sender.isascii() and recipient.isascii()):
        if not offered.smtputf8:
            raise BadMessage("The server does not take addresses of other letters than ASCII.")
        options += " SMTPUTF8"
    try:
        mail_command = f"MAIL FROM:<{sender}>{options}\r\n".encode()
        rcpt_command = f"RCPT TO:<{recipient}>\r\n".encode()
    except UnicodeEncodeError as error:
        raise BadMessage("An address of the envelope has half a character.") from error
    # A line's end in an address would be a command of its own to the server.
    if not recipient or _NOT_IN_PATH.search(sender) or _NOT_IN_PATH.search(recipient):
        raise BadMessage(f"<{sender}> or <{recipient}> cannot stand in an envelope.")
    if len(sender.encode()) > LONGEST_ADDRESS or len(recipient.encode()) > LONGEST_ADDRESS:
        raise BadMessage(f"An address of the envelope is longer than {LONGEST_ADDRESS} octets.")
    return mail_command, rcpt_command


def stuffed(content: bytes) -> bytes:
    """Return the content with the dots that begin its lines doubled and its last line ended (RFC 5321, 4.5.2).

    Raises:
        BadMessage: a dot stands behind half a line end. Servers differ on whether that ends a mail, so that what
            follows could be smuggled in as a mail of its own.
    """
    if b"\n." in content or content[:1] == b".":
        if content.count(b"\n.") != content.count(b"\r\n."):
            raise BadMessage("The mail has a dot behind a bare LF.")
        content = content.replace(b"\r\n.", b"\r\n..")
        if content[:1] == b".":
            content = b"." + content
    if b"\r." in content:
        raise BadMessage("The mail has a dot behind a bare CR.")
    return content if content[-2:] == b"\r\n" or not content else content + b"\r\n"
