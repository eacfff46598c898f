"""Greeting, EHLO, TLS and log-in, and what is said when one of them fails."""

import dataclasses
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from comanda.mail.pipeline import CannotConnect, Patience, Server, Stream, connect
from comanda.mail.pipeline.errors import Cause
from tests.fakes.pipelined_smtp import CUT, SILENCE, PipelinedSmtp, Step
from tests.fakes.sending import CALM, Told, address, content, mails, serving

LONG = "x" * 600


class Certificates:
    """A certificate for `localhost`, and the file of the authority that signed it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority_file = str(folder / "authority.pem")
        authority.cert_pem.write_to_path(self.authority_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.context)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates that only this test trusts."""
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificates: Certificates) -> PipelinedSmtp:
    """A server that offers STARTTLS."""
    server = PipelinedSmtp(["PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN"])
    server.context = certificates.context
    return server


def over_tls(server: PipelinedSmtp, certificates: Certificates, **changes: Any) -> Server:
    """Return the way to a server by the name of its certificate."""
    usual = Server(
        host="localhost", port=server.port, tls="required", ca_file=certificates.authority_file, patience=CALM
    )
    return dataclasses.replace(usual, **changes)


async def send_three(server: PipelinedSmtp, way: Server) -> bool:
    """Send three mails that arrive; return whether it was over TLS."""
    session = await connect(way)
    stream, told = Stream(session), Told()
    assert await stream.send(mails(3), told) is None
    await stream.close()
    assert told.kinds == ["accepted"] * 3
    assert server.taken == [content(number) for number in range(3)]
    return session.secure


async def failing(way: Server, cause: Cause, match: str = "mail server") -> CannotConnect:
    """Connect in vain."""
    with pytest.raises(CannotConnect, match=match) as raised:
        await connect(way)
    assert raised.value.cause == cause
    return raised.value


async def test_helo() -> None:
    """A server that does not know EHLO is greeted by HELO, and gets its mails without any parameter."""
    async with serving(PipelinedSmtp()) as server:
        server.order("EHLO", "502 what")
        assert not await send_three(server, address(server))
    assert server.commands[:3] == ["EHLO comanda.localhost", "HELO comanda.localhost", "MAIL FROM:<news@example.com>"]


@pytest.mark.parametrize(
    ("step", "answer", "cause"),
    [
        ("greeting", "421 busy", "greeting"),
        ("greeting", "554 not you", "greeting"),
        ("greeting", CUT, "connection"),
        ("greeting", "SSH-2.0", "dialogue"),
        ("EHLO", "421 busy", "dialogue"),
        ("EHLO", CUT, "connection"),
        ("EHLO", "hello", "dialogue"),
    ],
)
async def test_no_welcome(step: Step, answer: str, cause: Cause) -> None:
    """A server that does not let us begin is told apart by how."""
    async with serving(PipelinedSmtp()) as server:
        server.order(step, answer)
        error = await failing(address(server), cause)
    assert error.code == (int(answer[:3]) if answer[0].isdigit() else None)


async def test_a_mute_server() -> None:
    """A server that does not greet is left when the time is up."""
    async with serving(PipelinedSmtp()) as server:
        server.order("greeting", SILENCE)
        await failing(address(server, Patience(greeting_s=0.05)), "time")


async def test_nobody_listens() -> None:
    """Where nobody listens the message says to look whether the server runs."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        await failing(Server(host="127.0.0.1", port=unheard.getsockname()[1], tls="none"), "connection", "it runs")


async def test_a_name_without_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that DNS does not know is called that."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    await failing(Server(host="mail.invalid", port=25, tls="none"), "name", r"mail\.invalid.*Check the name")


async def test_tls_when_offered(secure: PipelinedSmtp, certificates: Certificates) -> None:
    """STARTTLS is used where it is offered, asked for anew inside, and left out where it is not wanted or there."""
    async with serving(secure):
        assert await send_three(secure, over_tls(secure, certificates, tls="if_offered"))
        assert secure.commands[:3] == ["EHLO comanda.localhost", "STARTTLS", "EHLO comanda.localhost"]
        secure.taken.clear()
        assert not await send_three(secure, over_tls(secure, certificates, tls="none"))
    assert secure.faults == []
    async with serving(PipelinedSmtp()) as plain:
        assert not await send_three(plain, over_tls(plain, certificates, tls="if_offered"))


async def test_tls_refused(secure: PipelinedSmtp, certificates: Certificates) -> None:
    """A server without TLS, or that refuses it now, gets no mail where TLS is required."""
    async with serving(PipelinedSmtp()) as plain:
        await failing(over_tls(plain, certificates), "tls", "does not offer STARTTLS")
    async with serving(secure):
        secure.order("STARTTLS", "454 not now", "454 not now")
        assert (await failing(over_tls(secure, certificates), "tls", "454 not now")).code == 454
        assert not await send_three(secure, over_tls(secure, certificates, tls="if_offered"))


async def test_tls_from_the_start(secure: PipelinedSmtp, certificates: Certificates) -> None:
    """TLS from the first octet, and the advice when the other end does not speak it."""
    secure.implicit = True
    async with serving(secure):
        assert await send_three(secure, over_tls(secure, certificates, tls="implicit"))
    async with serving(PipelinedSmtp()) as plain:
        await failing(over_tls(plain, certificates, tls="implicit"), "tls", "STARTTLS")


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_certificate_of_nobody(secure: PipelinedSmtp, certificates: Certificates, *, implicit: bool) -> None:
    """A certificate that no trusted authority signed ends it before anything is said."""
    secure.implicit = implicit
    async with serving(secure):
        way = over_tls(secure, certificates, ca_file=None, tls="implicit" if implicit else "required")
        await failing(way, "certificate", "not to be trusted")
    assert secure.commands == ([] if implicit else ["EHLO comanda.localhost", "STARTTLS"])


async def test_words_put_in_before_tls(secure: PipelinedSmtp, certificates: Certificates) -> None:
    """What somebody on the way adds to the answer to STARTTLS is not taken for the server's word inside TLS."""
    secure.order("STARTTLS", "220 go\r\n250-evil.example\r\n250 SIZE 1")
    async with serving(secure):
        assert await send_three(secure, over_tls(secure, certificates))


@pytest.mark.parametrize("password", ["secret", "é/: ", LONG])
@pytest.mark.parametrize("mechanisms", ["AUTH PLAIN LOGIN", "AUTH LOGIN", "AUTH=LOGIN PLAIN", "auth plain"])
async def test_log_in(secure: PipelinedSmtp, certificates: Certificates, mechanisms: str, password: str) -> None:
    """PLAIN and LOGIN work with any password, also one that is longer than a command may be."""
    secure.extensions = ["PIPELINING", "STARTTLS", mechanisms]
    secure.password = password
    async with serving(secure):
        assert await send_three(secure, over_tls(secure, certificates, user="me", password=password))


@pytest.mark.parametrize("mechanisms", ["AUTH PLAIN", "AUTH LOGIN"])
async def test_a_wrong_password(secure: PipelinedSmtp, certificates: Certificates, mechanisms: str) -> None:
    """A wrong password is the operator's to mend; the message does not repeat it."""
    secure.extensions = ["STARTTLS", mechanisms]
    async with serving(secure):
        error = await failing(over_tls(secure, certificates, user="me", password="guess"), "log_in", "535")
    assert error.code == 535
    assert "guess" not in f"{error!r} {over_tls(secure, certificates, password='guess')!r}"


async def test_no_log_in_that_we_know(secure: PipelinedSmtp, certificates: Certificates) -> None:
    """A server whose ways to log in we do not know is told with what it offers."""
    secure.extensions = ["STARTTLS", "AUTH GSSAPI"]
    async with serving(secure):
        await failing(over_tls(secure, certificates, user="me", password="secret"), "log_in", "GSSAPI")


async def test_no_password_in_the_clear() -> None:
    """Without TLS the password stays here, unless that was allowed."""
    async with serving(PipelinedSmtp(["AUTH PLAIN"])) as server:
        way = dataclasses.replace(address(server), tls="if_offered", user="me", password="secret")
        await failing(way, "log_in", "in the clear")
        assert server.commands == ["EHLO comanda.localhost"]
        assert not await send_three(server, dataclasses.replace(way, password_in_the_clear=True))
