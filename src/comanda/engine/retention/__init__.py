"""Retention: how long the log and what belongs to it are kept."""

from comanda.engine.retention.day import Day, Readers
from comanda.engine.retention.retention import Archive, Outcome, Retention
from comanda.engine.retention.sweep import Sweep
from comanda.engine.retention.upkeep import parquet_archive, readers_of, upkeep

__all__ = ["Archive", "Day", "Outcome", "Readers", "Retention", "Sweep", "parquet_archive", "readers_of", "upkeep"]
