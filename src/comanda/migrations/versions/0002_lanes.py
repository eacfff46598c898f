"""Lanes at full width: their settings and figures, timers, rates, the inbox, archived days, traces."""

from comanda.migrations.sql_files import run_beside

revision = "0002_lanes"
down_revision = "0001_foundation"


def upgrade() -> None:
    """Make the tables; rows of the log and parked ones keep their place."""
    run_beside(__file__)
