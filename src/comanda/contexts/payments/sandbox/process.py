"""The sandbox as a process of its own."""

from pathlib import Path

import uvicorn

from comanda.contexts.payments.sandbox.app import DAY_S, build_app
from comanda.contexts.payments.sandbox.wire import WebhookTarget


def run(
    data_dir: Path,
    *,
    port: int,
    secret_key: str,
    host: str = "127.0.0.1",
    webhook_url: str | None = None,
    webhook_secret: str = "",
    key_window_s: float = DAY_S,
) -> None:
    """Run the sandbox until SIGTERM or SIGINT. Ready when `GET /v1/ping` answers 200.

    Args:
        data_dir: where its books are kept.
        port: to listen on.
        secret_key: what clients have to show as `Authorization: Bearer`.
        host: to listen on.
        webhook_url: where it sends webhooks; what it was told before stays where this is None.
        webhook_secret: signs the webhooks.
        key_window_s: how long an idempotency key is remembered.
    """
    webhook = WebhookTarget(url=webhook_url, secret=webhook_secret) if webhook_url else None
    app = build_app(data_dir, secret_key=secret_key, webhook=webhook, key_window_s=key_window_s)
    uvicorn.run(
        app, host=host, port=port, access_log=False, log_level="warning", backlog=4096, timeout_graceful_shutdown=2
    )
