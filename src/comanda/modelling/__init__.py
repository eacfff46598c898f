"""The entity-relationship diagram, read from the live metadata: nobody draws it, so it cannot drift."""

from comanda.modelling.description import Column, Description, Relation, Table, UnknownReference, describe
from comanda.modelling.mermaid import mermaid, page
from comanda.modelling.svg import svg

__all__ = ["Column", "Description", "Relation", "Table", "UnknownReference", "describe", "mermaid", "page", "svg"]
