"""`comanda sandbox`."""

from comanda.cli.command import Data, begin, command
from comanda.contexts.payments.sandbox.process import run
from comanda.installation import derived_secret
from comanda.processes.box import inside_address


def sandbox(data: Data = None) -> None:
    """Run the sandbox payment provider: a provider with books of its own, and faults that can be switched on.

    Example: COMANDA_SANDBOX_PORT=8001 comanda sandbox --data .data
    """
    settings = begin("sandbox", data=data)
    run(
        settings.data,
        port=settings.sandbox_port,
        secret_key=derived_secret(settings, "sandbox key"),
        webhook_url=f"{inside_address(settings)}/webhooks/payments/sandbox",
        webhook_secret=derived_secret(settings, "sandbox webhooks"),
    )


app = command(sandbox)
