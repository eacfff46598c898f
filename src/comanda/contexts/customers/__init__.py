"""Customers: who has ordered, how often, and where it was delivered."""
