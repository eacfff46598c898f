from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.environment import as_environ, read_settings
from comanda.installation import installation_secret
from comanda.settings import Settings


def test_nothing_set_gives_the_embedded_defaults() -> None:
    """Without any setting everything runs out of this program and its data directory."""
    settings = read_settings({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.database_url == "embedded:"
    assert settings.address == "http://127.0.0.1:8000"


def test_the_command_line_goes_before_the_environment() -> None:
    """An option that is given wins; one that is not given leaves the environment's value."""
    settings = read_settings({"COMANDA_PORT": "9000", "COMANDA_DATA": "/a"}, port=9100, data=None)
    assert (settings.port, settings.data) == (9100, Path("/a"))


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PORT", "eighty", "COMANDA_PORT is 'eighty', which cannot be used: write a port from 1 to 65535"),
        ("PORT", "tcp://10.0.0.1:80", "COMANDA_PORT is 'tcp://10.0.0.1:80'"),
        ("PORT", "70000", "a port from 1 to 65535"),
        ("DATABASE_URL", "mysql://x", "write embedded: or postgresql://"),
        ("FORM_WINDOW", "soon", "a duration such as 90s"),
        ("WEB_PROCESSES", "0", "a number from 1 to 64"),
        ("SECRET", "short", "COMANDA_SECRET is hidden, which cannot be used: write at least 32 characters"),
        ("MAIL_URL", "carrier-pigeon:", "mailbox: or smtp://"),
        ("LOG", "xml", "write text or json"),
        ("DATABASE_URL", "mysql://ada:s3cret@host/x", "COMANDA_DATABASE_URL is 'mysql://ada:***@host/x', which"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(variable: str, value: str, told: str) -> None:
    """The sentence names the variable, shows the value and says what to write instead."""
    with pytest.raises(SettingError) as caught:
        read_settings({f"COMANDA_{variable}": value})
    message = str(caught.value)
    assert told in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_misspelt_variable_is_told_with_its_likely_name() -> None:
    """A setting that nobody reads would be a setting that silently does nothing."""
    with pytest.raises(SettingError, match="did you mean COMANDA_DATABASE_URL"):
        read_settings({"COMANDA_DATABSE_URL": "embedded:"})


def test_what_kubernetes_adds_for_a_service_is_no_mistake() -> None:
    """Kubernetes' own variables for a service called comanda are not taken for misspelt settings."""
    environ = {"COMANDA_SERVICE_HOST": "10.0.0.1", "COMANDA_PORT_8000_TCP_ADDR": "10.0.0.1"}
    assert read_settings(environ) == Settings()


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5h", 5400), ("2d", 172800), ("5 m", 300)])
def test_durations_are_written_as_people_write_them(text: str, seconds: float) -> None:
    """A number with a unit; without one it is seconds."""
    assert read_settings({"COMANDA_FORM_WINDOW": text}).form_window == timedelta(seconds=seconds)


@given(
    st.builds(
        Settings,
        port=st.integers(0, 65535),
        database_port=st.integers(0, 65535),
        form_window=st.integers(0, 10**7).map(lambda s: timedelta(seconds=s)),
        data=st.sampled_from([Path("/a b"), Path("x")]),
        secret=st.just("") | st.text("abc", min_size=32),
    )
)
def test_a_child_reads_the_settings_its_parent_wrote(settings: Settings) -> None:
    """Settings survive the way through the environment."""
    assert read_settings(as_environ(settings)) == settings


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "http://localhost:8000"), ("::", "http://localhost:8000"), ("::1", "http://[::1]:8000")],  # noqa: S104
)
def test_the_address_is_one_that_a_browser_can_open(host: str, address: str) -> None:
    """Where we listen everywhere, links lead to this machine."""
    assert Settings(host=host).address == address
    assert Settings(host=host, public_url="https://eat.example/").address == "https://eat.example"


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The first start makes the secret, later starts find it, and nobody else can read it."""
    settings = Settings(data=tmp_path / "data")
    first = installation_secret(settings)
    assert installation_secret(settings) == first
    assert len(first) >= 32
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_a_secret_that_is_set_is_used(tmp_path: Path) -> None:
    """Machines that share a secret write nothing."""
    assert installation_secret(Settings(data=tmp_path, secret="s" * 32)) == b"s" * 32
    assert list(tmp_path.iterdir()) == []
