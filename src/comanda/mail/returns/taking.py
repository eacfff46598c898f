"""What is done with a return that matters, and which do."""

from collections.abc import Awaitable, Callable

from comanda.mail.returns.reading import Return

Take = Callable[[Return], Awaitable[None]]
"""Takes a return for good: once it has come back without an error, the mail may be forgotten. It may be called twice
for one mail, for whoever handed it over may never have heard the answer."""


def matters(returned: Return) -> bool:
    """Return whether it is a bounce or a complaint about a mail of ours; delays, absence notes and answers are not."""
    return returned.mark is not None and returned.kind in ("hard", "soft", "complaint")
