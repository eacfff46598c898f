"""An outcome as octets, for the journal."""

import msgspec

from comanda.mail.pipeline import Outcome


def written(outcome: Outcome) -> bytes:
    """Return an outcome as octets."""
    return msgspec.json.encode(tuple(outcome))


def read(data: bytes) -> Outcome:
    """Return an outcome from its octets."""
    return msgspec.json.decode(data, type=Outcome)
