"""Seeing the engine at work: what every lane has to do and does, who works at it, and one event's way through all."""

from comanda.engine.monitoring.figures import LaneOverview, LaneWorker, MinuteFigures, Overview
from comanda.engine.monitoring.overview import overview
from comanda.engine.monitoring.workers import LeaseView, WorkerView

__all__ = ["LaneOverview", "LaneWorker", "LeaseView", "MinuteFigures", "Overview", "WorkerView", "overview"]
