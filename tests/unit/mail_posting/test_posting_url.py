"""The setting for mail names a post office as it names a mailer."""

from pathlib import Path

import pytest

from comanda.engine.errors import SettingError
from comanda.mail.pipeline import Server
from comanda.mail.posting import posting_from_url


@pytest.mark.parametrize(
    ("url", "server", "connections"),
    [
        ("mailbox:", Server(host="127.0.0.1", port=8025, tls="none"), 4),
        ("mailbox://box:9025?http=9026", Server(host="box", port=9025, tls="none"), 4),
        (
            "smtp://[::1]?connections=9",
            Server(host="::1", port=25, tls="if_offered", password_in_the_clear=True),
            9,
        ),
        (
            "smtp://me%40x:p%2Fw@relay:587",
            Server(host="relay", port=587, user="me@x", password="p/w", tls="required"),
            4,
        ),
        (
            "smtp://u:p@relay?starttls=no",
            Server(host="relay", port=25, user="u", password="p", tls="none", password_in_the_clear=True),
            4,
        ),
        (
            "smtps://u:p@relay?connections=1",
            Server(host="relay", port=465, user="u", password="p", tls="implicit"),
            1,
        ),
    ],
)
def test_urls(tmp_path: Path, url: str, server: Server, connections: int) -> None:
    """Server and connections come out of the URL; nothing is made before the start."""
    office = posting_from_url(url, tmp_path / "posting")
    assert (office.server, office.connections) == (server, connections)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["", "http://x", "smtp:", "smtp://host:port", "smtp://host?tls=yes", "mailbox:?http=x"])
def test_wrong_urls(tmp_path: Path, url: str) -> None:
    """A URL that cannot be used is a setting's error."""
    with pytest.raises(SettingError):
        posting_from_url(url, tmp_path)
