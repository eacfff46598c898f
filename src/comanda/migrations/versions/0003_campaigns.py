"""Campaigns: customers that are imported, audiences, the ledger of who got which mail, and what came back."""

from comanda.migrations.sql_files import run_beside

revision = "0003_campaigns"
down_revision = "0002_lanes"


def upgrade() -> None:
    """Make the tables; customers who are there keep their place."""
    run_beside(__file__)
