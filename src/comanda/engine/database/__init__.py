"""The database: transactions, pools, and the embedded PostgreSQL."""

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Record, Transaction

__all__ = ["Database", "Record", "Transaction"]
