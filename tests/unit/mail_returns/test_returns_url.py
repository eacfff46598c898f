import pytest

from comanda.engine.errors import SettingError
from comanda.mail.returns.listener import ReturnsListener
from comanda.mail.returns.marks import Marks
from comanda.mail.returns.reading import Return
from comanda.mail.returns.returns_url import returns_from_url

MARKS = Marks([b"a key of sixteen octets"])


async def take(_: Return) -> None:
    """Take nothing."""


def test_an_smtp_url_is_a_listener() -> None:
    """It listens where the URL says; IPv6 addresses stand in brackets."""
    for url, host in (("smtp://0.0.0.0:25", "0.0.0.0"), ("smtp://[::1]:25?complaints=", "::1")):  # noqa: S104 - compared
        listener = returns_from_url(url, marks=MARKS, take=take)
        assert isinstance(listener, ReturnsListener)
        assert (listener.host, listener.port) == (host, 25)


def test_nothing_is_no_service() -> None:
    """An empty setting takes nothing."""
    assert returns_from_url("", marks=MARKS, take=take) is None


@pytest.mark.parametrize(
    "url",
    [
        "smtp://",
        "smtp://host",
        "smtp://host:99999",
        "smtp://user:secret@host:25",
        "smtp://host:25/INBOX",
        "smtp://host:25?tls=yes",
        "imaps://user:secret@host/INBOX",
        "pop3://user:secret@host",
    ],
)
def test_any_other_url_is_told_in_a_sentence(url: str) -> None:
    """The sentence ends as one, and holds no password."""
    with pytest.raises(SettingError) as wrong:
        returns_from_url(url, marks=MARKS, take=take)
    assert str(wrong.value).endswith(".")
    assert "secret" not in str(wrong.value)
