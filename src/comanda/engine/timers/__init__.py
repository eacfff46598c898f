"""Timers: events that are to be logged at a time."""

from comanda.engine.timers.mover import TimerMover

__all__ = ["TimerMover"]
