"""Who writes down what went out and what came in, so that it outlives the process."""

from typing import Any, Protocol

from comanda.mail.pipeline.outgoing import Outgoing


class Witness(Protocol):
    """Writes down one connection. What it was told counts once `keep` has returned."""

    def begun(self, mail: Outgoing[Any], answer_at: int, end_at: int) -> None:
        """The end of a mail is about to be written.

        Args:
            mail: which.
            answer_at: octets that have come in so far; the answer begins behind them.
            end_at: octets that have gone out when the mail has.

        Raises:
            OSError: it cannot be written down, and the mail may not go out.
        """
        ...

    def heard(self, at: int, data: bytes) -> None:
        """Octets came in; `at` is how many had before. They have not been taken from the kernel yet."""
        ...

    def keep(self) -> None:
        """Hand all of it to the kernel."""
        ...
