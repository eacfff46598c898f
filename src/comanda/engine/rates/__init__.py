"""Rates: how fast something may be done, by all workers of all machines together."""

from comanda.engine.rates.granting import KeyWaits, LaneWaits, Want
from comanda.engine.rates.limiter import Limiter, Permit
from comanda.engine.rates.rate import Rate
from comanda.engine.rates.stored_buckets import sweep

__all__ = ["KeyWaits", "LaneWaits", "Limiter", "Permit", "Rate", "Want", "sweep"]
