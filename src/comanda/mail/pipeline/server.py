"""Where the server is, how to connect to it, and how long to wait for it."""

from dataclasses import dataclass, field
from typing import Literal

Tls = Literal["implicit", "required", "if_offered", "none"]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """The longest waits, in seconds. The defaults are those of RFC 5321, 4.5.3.2, where it names one.

    Attributes:
        connect_s: for the connection itself, and for a TLS handshake.
        greeting_s: for the server's first words.
        command_s: for the answer to MAIL, RCPT and all other commands.
        data_s: for the go-ahead that answers DATA.
        content_s: for the content to go out and be answered. Giving up here makes a mail uncertain.
        quit_s: for the answer to QUIT, which nothing depends on.
    """

    connect_s: float = 60.0
    greeting_s: float = 300.0
    command_s: float = 300.0
    data_s: float = 120.0
    content_s: float = 600.0
    quit_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """One SMTP server.

    Attributes:
        user: with `password`; None for no log-in.
        tls: `implicit` from the first octet; `required` and `if_offered` through STARTTLS; or `none`.
        ca_file: a PEM file of certificates to trust instead of the system's.
        password_in_the_clear: log in without TLS as well.
        own_name: what EHLO says who we are.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls = "if_offered"
    ca_file: str | None = None
    password_in_the_clear: bool = False
    own_name: str = "comanda.localhost"
    patience: Patience = field(default_factory=Patience)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
