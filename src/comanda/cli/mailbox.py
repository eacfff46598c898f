"""`comanda mailbox`."""

from comanda.cli.command import Data, begin, command
from comanda.mail.mailbox.server import run


def mailbox(data: Data = None) -> None:
    """Run the built-in mailbox: an SMTP server, and a page on which to read what it was sent.

    Example: COMANDA_SMTP_PORT=8025 COMANDA_MAILBOX_PORT=8026 comanda mailbox --data .data
    """
    settings = begin("mailbox", data=data)
    run(settings.data, settings.smtp_port, settings.mailbox_port)


app = command(mailbox)
