"""Which provider a setting means."""

import pytest

from comanda.contexts.payments.gateway import from_url
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.engine.errors import SettingError
from tests.fakes.clock import FakeClock

STRIPES = "sk_test_1"


def provider(url: str, *, secret_key: str = STRIPES) -> SandboxProvider | StripeProvider:
    """Return the provider of a setting."""
    return from_url(url, clock=FakeClock(), secret_key=secret_key, webhook_secret="w")


@pytest.mark.parametrize(
    ("url", "name"), [("sandbox:", "sandbox"), ("sandbox://host:1", "sandbox"), ("stripe:", "stripe")]
)
def test_each_setting_has_its_provider(url: str, name: str) -> None:
    """The provider's name is the last part of its webhooks' address."""
    assert provider(url).name == name


@pytest.mark.parametrize("url", ["", "sandbox", "paypal:", "http://sandbox"])
def test_another_setting_is_told_in_a_sentence(url: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(SettingError, match="write sandbox:"):
        provider(url)


def test_stripe_wants_a_key_of_stripes() -> None:
    """Not the sandbox's secret, and not a publishable key."""
    with pytest.raises(SettingError, match="sk_"):
        provider("stripe:", secret_key="pk_test_1")
