"""Replay: the orders of a file placed by many guests who click too often, and what came of it."""
