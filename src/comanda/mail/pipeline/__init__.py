"""Our own SMTP client, made for many mails over few connections: one round trip for each mail (RFC 2920)."""

from comanda.mail.pipeline.connection import Ended
from comanda.mail.pipeline.errors import CannotConnect
from comanda.mail.pipeline.outcome import Outcome
from comanda.mail.pipeline.outgoing import Outgoing
from comanda.mail.pipeline.server import Patience, Server
from comanda.mail.pipeline.session import Session, connect
from comanda.mail.pipeline.stream import Stream
from comanda.mail.pipeline.witness import Witness

__all__ = [
    "CannotConnect",
    "Ended",
    "Outcome",
    "Outgoing",
    "Patience",
    "Server",
    "Session",
    "Stream",
    "Witness",
    "connect",
]
