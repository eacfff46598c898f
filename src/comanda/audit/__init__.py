"""Audit: whether what must be true together is, over the whole database, the provider's ledger and the mailbox."""

from comanda.audit.audit import audit
from comanda.audit.report import Checked, Finding, Report

__all__ = ["Checked", "Finding", "Report", "audit"]
