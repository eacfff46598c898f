"""Comanda."""
