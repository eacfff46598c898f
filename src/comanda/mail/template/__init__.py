"""Mails by the million: a template that is encoded once, and filled in for each recipient by joining bytes."""

from comanda.mail.template.mail_template import MailTemplate
from comanda.mail.template.parts import Parts, Slot

__all__ = ["MailTemplate", "Parts", "Slot"]
