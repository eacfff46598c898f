"""From nothing to a server that takes mails: greeting, EHLO, STARTTLS and log-in (RFC 5321, 3207, 4954)."""

import asyncio
import contextlib
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass, replace

from comanda.mail.pipeline.capabilities import Capabilities
from comanda.mail.pipeline.connection import Connection, Ended, Lost
from comanda.mail.pipeline.errors import CannotConnect
from comanda.mail.pipeline.replies import Reply
from comanda.mail.pipeline.server import Server
from comanda.mail.pipeline.wire import Wire

DONE, GO_ON, NEVER = 2, 3, 5
"""First digits of a reply (RFC 5321, 4.2.1)."""

LONGEST_COMMAND = 512
"""Octets with the line's end (RFC 5321, 4.5.3.1.4)."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A server that is ready for mails.

    Attributes:
        secure: over TLS.
    """

    connection: Connection
    server: Server
    offered: Capabilities
    secure: bool

    async def close(self) -> None:
        """Say QUIT, wait a moment for the answer, and close. For a session that sends nothing at the moment."""
        self.connection.listener = None
        try:
            if self.connection.write(b"QUIT\r\n"):
                with contextlib.suppress(Lost):
                    await self.connection.reply(self.server.patience.quit_s)
        finally:
            self.connection.end(Ended("The session was closed."))


async def connect(server: Server, context: ssl.SSLContext | None = None) -> Session:
    """Connect, agree on TLS and log in.

    Args:
        server: to whom and how.
        context: for TLS; else one is made of the server's `ca_file`, which takes some milliseconds.

    Raises:
        CannotConnect: there is no session; the message says what to do.
    """
    if context is None and server.tls != "none":
        context = ssl.create_default_context(cafile=server.ca_file)
    connection = await _open(server, context if server.tls == "implicit" else None)
    try:
        return await _agree(connection, server, context)
    except Lost as error:
        raise CannotConnect(f"The mail server {server} cannot be used. {error}", cause=error.ended.cause) from error
    except BaseException:
        connection.end(Ended("The session was not wanted."))
        raise


async def _open(server: Server, context: ssl.SSLContext | None) -> Connection:
    try:
        async with asyncio.timeout(server.patience.connect_s):
            if context is None:
                return await _wired(server)
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, server.host, server.port, ssl=context
            )
    except OSError as error:
        raise _no_connection(server, error) from error
    return connection


async def _wired(server: Server) -> Connection:
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM):
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        try:
            await loop.sock_connect(opened, address)
            connection = Connection()
            wire = Wire(opened, connection)
        except BaseException as error:
            opened.close()
            if not isinstance(error, OSError):
                raise
            failure = failure or error
        else:
            wire.before_read = connection.keep
            return connection
    raise failure or socket.gaierror(f"{server.host} has no address")


async def _agree(connection: Connection, server: Server, context: ssl.SSLContext | None) -> Session:
    greeting = await connection.reply(server.patience.greeting_s)
    if greeting.code // 100 != DONE:
        raise CannotConnect(
            f"The mail server {server} sends us away: {greeting}. Ask its operator whether this machine may send.",
            cause="greeting",
            code=greeting.code,
        )
    session = Session(
        connection=connection,
        server=server,
        offered=await _hello(connection, server),
        secure=server.tls == "implicit",
    )
    if context is not None and server.tls in {"required", "if_offered"}:
        session = await _encrypted(session, context)
    if server.user is not None:
        await _log_in(session, server.user, server.password or "")
    return session


async def _hello(connection: Connection, server: Server) -> Capabilities:
    reply = await _command(connection, server, f"EHLO {server.own_name}")
    if reply.code // 100 == DONE:
        return Capabilities.of(reply)
    if reply.code // 100 == NEVER:
        # A server from before 1995, or one that dislikes our name; HELO tells which.
        reply = await _command(connection, server, f"HELO {server.own_name}")
        if reply.code // 100 == DONE:
            return Capabilities()
    raise CannotConnect(
        f"The mail server {server} does not greet back as {server.own_name!r}: {reply}.",
        cause="dialogue",
        code=reply.code,
    )


async def _encrypted(session: Session, context: ssl.SSLContext) -> Session:
    server, connection = session.server, session.connection
    refusal = "does not offer STARTTLS"
    code = None
    if session.offered.starttls:
        reply = await _command(connection, server, "STARTTLS")
        if reply.code // 100 == DONE:
            try:
                await connection.encrypt(context, server.host, server.patience.connect_s)
            except OSError as error:
                raise _no_connection(server, error) from error
            # What was said before TLS may have been anybody's words: ask again (RFC 3207, 4.2).
            return replace(session, offered=await _hello(connection, server), secure=True)
        refusal, code = f"refuses STARTTLS: {reply}", reply.code
    if server.tls == "required":
        raise CannotConnect(
            f"The mail server {server} {refusal}. Use its port for TLS (smtps://, often 465), or starttls=no where "
            "nobody can listen in.",
            cause="tls",
            code=code,
        )
    return session


async def _log_in(session: Session, user: str, password: str) -> None:
    server, offered = session.server, session.offered.log_ins
    if not session.secure and not server.password_in_the_clear:
        raise CannotConnect(
            f"The mail server {server} would get the password in the clear. Require TLS, or allow it where nobody can "
            "listen in.",
            cause="log_in",
        )
    if "PLAIN" in offered:
        reply = await _plain(session, user, password)
    elif "LOGIN" in offered:
        reply = await _login(session, user, password)
    else:
        raise CannotConnect(
            f"The mail server {server} offers no log-in that we know (AUTH PLAIN or LOGIN), but "
            f"{', '.join(sorted(offered)) or 'none'}. Leave out user and password if it needs none.",
            cause="log_in",
        )
    if reply.code // 100 != DONE:
        raise CannotConnect(
            f"The mail server {server} does not let {user!r} in: {reply}. Check user and password.",
            cause="log_in",
            code=reply.code,
        )


async def _plain(session: Session, user: str, password: str) -> Reply:
    """Say user and password at once (RFC 4616)."""
    words = b64encode(f"\0{user}\0{password}".encode()).decode()
    command = f"AUTH PLAIN {words}"
    if len(command) + 2 <= LONGEST_COMMAND:
        return await _command(session.connection, session.server, command)
    return await _answers(session, "AUTH PLAIN", words)


async def _login(session: Session, user: str, password: str) -> Reply:
    """Say user and password when asked: the old way of some servers, never made an RFC."""
    return await _answers(session, "AUTH LOGIN", *(b64encode(word.encode()).decode() for word in (user, password)))


async def _answers(session: Session, command: str, *answers: str) -> Reply:
    reply = await _command(session.connection, session.server, command)
    for answer in answers:
        if reply.code // 100 != GO_ON:
            return reply
        reply = await _command(session.connection, session.server, answer)
    return reply


async def _command(connection: Connection, server: Server, line: str) -> Reply:
    connection.write(f"{line}\r\n".encode())
    return await connection.reply(server.patience.command_s)


def _no_connection(server: Server, error: OSError) -> CannotConnect:
    match error:
        case ssl.SSLCertVerificationError():
            return CannotConnect(
                f"The certificate of the mail server {server} is not to be trusted: {error}. Use the name that the "
                "certificate is for, or name its authority's file (ca=FILE).",
                cause="certificate",
            )
        case ssl.SSLError():
            return CannotConnect(
                f"No TLS with the mail server {server}: {error}. Look whether the port speaks TLS from the start "
                "(smtps://) or through STARTTLS (smtp://).",
                cause="tls",
            )
        case socket.gaierror():
            return CannotConnect(
                f"The mail server's name {server.host!r} has no address: {error}. Check the name, and this machine's "
                "DNS.",
                cause="name",
            )
        case TimeoutError():
            return CannotConnect(
                f"The mail server {server} does not answer in time. Check host, port and firewall; many networks "
                "close port 25.",
                cause="time",
            )
        case _:
            return CannotConnect(
                f"No connection to the mail server {server}: {error}. Check host and port, and that it runs.",
                cause="connection",
            )
