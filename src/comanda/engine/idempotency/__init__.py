"""Idempotency: request keys, hashes, stored answers."""

from comanda.engine.idempotency.answers import Answer, StoredAnswer
from comanda.engine.idempotency.keys import parse_key
from comanda.engine.idempotency.once import Once
from comanda.engine.idempotency.seals import Seals

__all__ = ["Answer", "Once", "Seals", "StoredAnswer", "parse_key"]
