"""The chain of migrations, and how it is run."""

from comanda.migrations.migrate import migrate

__all__ = ["migrate"]
