"""Which provider a setting means."""

from urllib.parse import urlsplit

from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.engine.clock import Clock
from comanda.engine.errors import SettingError


def from_url(
    url: str,
    *,
    clock: Clock,
    secret_key: str,
    webhook_secret: str,
    sandbox_url: str = "http://127.0.0.1:8420",
    default_method: str | None = None,
) -> SandboxProvider | StripeProvider:
    """Return the provider that `COMANDA_PAYMENTS_URL` means; it also is a `ProviderLedger`.

    Args:
        url: `sandbox:` (at `sandbox_url`), `sandbox://host:port`, `stripe:` or, for stand-ins, `stripe://host:port`.
        clock: for signatures.
        secret_key: the sandbox's bearer secret, or Stripe's `sk_…`.
        webhook_secret: what webhooks are signed with.
        sandbox_url: where the sandbox of this installation listens.
        default_method: at Stripe, what a guest who chose nothing pays with (`pm_card_visa` in test mode).

    Raises `SettingError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "sandbox":
        base_url = f"http://{parts.netloc}" if parts.netloc else sandbox_url
        return SandboxProvider(base_url, secret_key=secret_key, webhook_secret=webhook_secret, clock=clock)
    if parts.scheme == "stripe":
        if not secret_key.startswith(("sk_", "rk_")):
            raise SettingError("Payments through Stripe need its secret key, which begins with sk_ or rk_.")
        return StripeProvider(
            secret_key=secret_key,
            webhook_secret=webhook_secret,
            default_method=default_method,
            base_url=f"http://{parts.netloc}" if parts.netloc else None,
        )
    raise SettingError(f"COMANDA_PAYMENTS_URL is {url!r}; write sandbox:, sandbox://host:port or stripe:.")
