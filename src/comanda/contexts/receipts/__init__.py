"""Receipts: what a guest is mailed when the order is paid, once."""
