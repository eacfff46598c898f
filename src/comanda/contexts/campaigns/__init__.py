"""Campaigns: audiences, mails to them, the ledger of who got which, and what came back."""
