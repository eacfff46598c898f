"""Transports: what carries the log's events to lanes elsewhere."""

from comanda.engine.transports.from_url import from_url
from comanda.engine.transports.transport import Transport, relay_of

__all__ = ["Transport", "from_url", "relay_of"]
