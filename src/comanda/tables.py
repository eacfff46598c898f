"""The tables of the whole house: every context's metadata, for migrations and for the model's diagram."""

import importlib
import pkgutil

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from comanda import contexts
from comanda.engine import tables as engine_tables


def _found() -> tuple[MetaData, ...]:
    found = [engine_tables.Base.metadata]
    for package in pkgutil.iter_modules(contexts.__path__, "comanda.contexts."):
        if importlib.util.find_spec(f"{package.name}.model") is None:
            continue
        model = importlib.import_module(f"{package.name}.model")
        for value in vars(model).values():
            metadata = value if isinstance(value, MetaData) else None
            if isinstance(value, type) and issubclass(value, DeclarativeBase) and value is not DeclarativeBase:
                metadata = getattr(value, "metadata", None)
            if metadata is not None and metadata not in found:
                found.append(metadata)
    return tuple(found)


METADATA: tuple[MetaData, ...] = _found()
"""The engine's and every context's tables. (Found by their place for as long as the contexts are still being built.)"""
