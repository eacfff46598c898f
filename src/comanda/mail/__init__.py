"""Mails: messages, the port through which they leave, and how each is sent once."""

from comanda.mail.courier import Courier, Policy
from comanda.mail.errors import BadMessage, MailError, PermanentFailure, TemporaryFailure, Uncertain
from comanda.mail.journal import Journal
from comanda.mail.mail_url import from_url
from comanda.mail.mailer import Accepted, Fate, Mailer
from comanda.mail.message import MailAddress, MailMessage

__all__ = [
    "Accepted",
    "BadMessage",
    "Courier",
    "Fate",
    "Journal",
    "MailAddress",
    "MailError",
    "MailMessage",
    "Mailer",
    "PermanentFailure",
    "Policy",
    "TemporaryFailure",
    "Uncertain",
    "from_url",
]
