"""Charges, refunds, providers, reconciliation."""
