"""The setting for mail: each form is understood, and a wrong one is told in a sentence without its password."""

from pathlib import Path

import pytest

from comanda.engine.errors import SettingError
from comanda.mail import from_url
from comanda.mail.mailbox.mailer import MailboxMailer
from comanda.mail.smtp import SmtpMailer, SmtpServer


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer(host="mail.example.com", port=25, tls="if_offered")),
        (
            "smtp://me%40x:p%2Fw@mail.example.com:587",
            SmtpServer(host="mail.example.com", port=587, user="me@x", password="p/w", tls="required"),
        ),
        (
            "smtp://u:p@localhost:2525?starttls=no",
            SmtpServer(host="localhost", port=2525, user="u", password="p", tls="none"),
        ),
        ("smtp://[::1]:25?connections=9", SmtpServer(host="::1", port=25, tls="if_offered", connections=9)),
        (
            "smtps://u:p@mail.example.com",
            SmtpServer(host="mail.example.com", port=465, user="u", password="p", tls="implicit"),
        ),
    ],
)
def test_smtp_urls(url: str, server: SmtpServer) -> None:
    """Host, port, credentials and TLS come out of the URL; a password is not sent in the clear unless it is said."""
    mailer = from_url(url)
    assert isinstance(mailer, SmtpMailer)
    assert mailer.server == server


def test_mailbox_urls() -> None:
    """The built-in mailbox is found at its default ports, or where the URL says."""
    assert isinstance(from_url("mailbox:"), MailboxMailer)
    assert isinstance(from_url("mailbox://127.0.0.1:9025?http=9026"), MailboxMailer)


@pytest.mark.parametrize(
    "url",
    [
        "", "mail", "http://x", "smtp:", "smtp://", "smtp://host:port", "smtp://host:99999", "smtp://host?tls=yes",
        "smtp://host?starttls=maybe", "smtps://host?starttls=required", "smtp://host?connections=0",
        "mailbox://localhost?http=x", "smtp://host?ca=/no/such/file", "ses://eu-west-1",
    ],
)  # fmt: skip
def test_wrong_urls(url: str) -> None:
    """A URL that cannot be used is a setting's error."""
    with pytest.raises(SettingError):
        from_url(url)


def test_passwords_are_not_shown() -> None:
    """The sentence about a wrong URL does not show the password in it."""
    with pytest.raises(SettingError) as told:
        from_url("smpt://user:hunter2@mail.example.com")
    assert "hunter2" not in str(told.value)


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """A file of certificates to trust can be named."""
    file = tmp_path / "ca.pem"
    file.write_text("")
    mailer = from_url(f"smtps://host?ca={file}")
    assert isinstance(mailer, SmtpMailer)
    assert mailer.server.ca_file == str(file)
