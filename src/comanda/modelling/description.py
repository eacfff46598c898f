"""What the diagram shows: tables by schema, their columns, and what refers to what. Read from SQLAlchemy's metadata.

Contexts have no foreign keys across their borders. What refers there all the same is told in the model, at the column:
`mapped_column(info={"refers_to": "ordering.orders.id"})`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from comanda.engine.errors import ComandaError

REFERS_TO = "refers_to"
"""The key in a column's `info` under which it names the column that it refers to, as `schema.table.column`."""

SHORT_TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8", "character varying": "varchar"}

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it


class UnknownReference(ComandaError):
    """A model says that a column refers to one that is not there."""


class Column(NamedTuple):
    """A column: its SQL type, and what it is a key of."""

    name: str
    type: str
    nullable: bool
    primary: bool
    refers: bool
    unique: bool


class Table(NamedTuple):
    """A table. `purpose` is the first sentence of its model."""

    schema: str
    name: str
    columns: tuple[Column, ...]

    @property
    def full_name(self) -> str:
        """The name with its schema: `ordering.orders`."""
        return f"{self.schema}.{self.name}"


class Relation(NamedTuple):
    """That rows of one table refer to rows of another.

    Attributes:
        source, target: names of tables with their schemas.
        columns, target_columns: by which they refer, in the same order.
        enforced: whether the database holds it, as a foreign key; else it is kept by events across contexts.
        single: whether a row of the target is referred to by one row at most.
        optional: whether a row of the source may refer to nothing.
    """

    source: str
    target: str
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    enforced: bool
    single: bool
    optional: bool


class Description(NamedTuple):
    """All tables, in the order of their metadata, and all relations."""

    tables: tuple[Table, ...]
    relations: tuple[Relation, ...]

    @property
    def schemas(self) -> list[str]:
        """The schemas, in their order."""
        return list(dict.fromkeys(table.schema for table in self.tables))


def describe(metadata: Sequence[sa.MetaData]) -> Description:
    """Return what `metadata` describes; raises `UnknownReference` where a column refers to one that is not there."""
    found = [table for part in metadata for table in part.tables.values()]
    known = {f"{table.schema}.{table.name}": table for table in found}
    return Description(
        tuple(_table(table) for table in found),
        tuple(relation for table in found for relation in (*_enforced(table), *_told(table, known))),
    )


def _table(table: sa.Table) -> Table:
    return Table(str(table.schema), table.name, tuple(_column(table, column) for column in table.columns))


def _column(table: sa.Table, column: sa.Column[object]) -> Column:
    written = column.type.compile(_DIALECT).lower()
    return Column(
        name=column.name,
        type=SHORT_TYPES.get(written, written),
        nullable=bool(column.nullable),
        primary=column.primary_key,
        refers=bool(column.foreign_keys) or REFERS_TO in column.info,
        unique=_single(table, {column.name}) and not column.primary_key,
    )


def _enforced(table: sa.Table) -> Iterator[Relation]:
    for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
        columns = [element.parent for element in key.elements]
        target = key.elements[0].target_fullname.rpartition(".")[0]
        targets = tuple(element.target_fullname.rpartition(".")[2] for element in key.elements)
        yield _relation(table, columns, target, targets, enforced=True)


def _told(table: sa.Table, known: dict[str, sa.Table]) -> Iterator[Relation]:
    """Columns of one table that refer to the same other table with another column each are one relation."""
    together: dict[str, list[tuple[sa.Column[object], str]]] = {}
    for column in table.columns:
        reference = column.info.get(REFERS_TO)
        if reference is None:
            continue
        target, _, target_column = str(reference).rpartition(".")
        if target not in known or target_column not in known[target].columns:
            raise UnknownReference(
                f"{table.schema}.{table.name}.{column.name} refers to {reference}, which is not there."
            )
        place = target
        while any(target_column == other for _, other in together.get(place, ())):
            place += "'"
        together.setdefault(place, []).append((column, target_column))
    for place, pairs in together.items():
        yield _relation(
            table, [column for column, _ in pairs], place.rstrip("'"), tuple(name for _, name in pairs), enforced=False
        )


def _relation(
    table: sa.Table, columns: Sequence[sa.Column[object]], target: str, targets: tuple[str, ...], *, enforced: bool
) -> Relation:
    return Relation(
        source=f"{table.schema}.{table.name}",
        target=target,
        columns=tuple(column.name for column in columns),
        target_columns=targets,
        enforced=enforced,
        single=_single(table, {column.name for column in columns}),
        optional=any(column.nullable for column in columns),
    )


def _single(table: sa.Table, names: set[str]) -> bool:
    """Whether the table has at most one row for each value of these columns."""
    keys: list[set[str]] = [{column.name for column in table.primary_key.columns}]
    keys += [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    keys += [
        {str(column.name) for column in index.columns}
        for index in table.indexes
        if index.unique and index.dialect_options["postgresql"]["where"] is None
    ]
    return any(key and key <= names for key in keys)
