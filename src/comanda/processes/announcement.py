"""What `comanda up` prints once all is ready."""

from collections.abc import Sequence

import msgspec

from comanda.prepared import Prepared
from comanda.settings import Settings


def announcement(settings: Settings, prepared: bytes, *, seconds: float) -> str:
    """Return the lines that say where everything is; `prepared` is the JSON of `Prepared`."""
    made = msgspec.json.decode(prepared, type=Prepared)
    address = settings.address
    rows = [("Menu", f"{address}/r/{slug}") for slug in made.restaurants[:3]]
    rows += [("Staff", f"{address}/staff"), ("API", f"{address}/openapi.json")]
    if settings.mail_url.startswith("mailbox:"):
        rows.append(("Mailbox", f"http://127.0.0.1:{settings.mailbox_port}/"))
    if settings.payments_url.startswith("sandbox:"):
        rows.append(("Provider", f"http://127.0.0.1:{settings.sandbox_port}/"))
    rows.append(("Data", str(settings.data)))
    parts = [f"Comanda is ready ({seconds:.1f} s).", _table(rows)]
    if made.password is not None:
        parts.append(told(made))
    return "\n\n".join(["", *parts, "Ctrl-C stops all of it."]) + "\n\n"


def told(made: Prepared) -> str:
    """Return what was made, for people."""
    if made.password is None:
        return "Nothing was to be made: there is an account already."
    return f"Sign in as {made.email} with the password {made.password}\n(it is shown this once)"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in rows)
