"""What counts when the database is compared with the metadata: our schemas, and not the partitions of a table."""

import re
from typing import Any

from sqlalchemy.dialects.postgresql.base import ischema_names

from comanda.engine.tables import Xid8
from comanda.tables import METADATA

VERSION_TABLE = "schema_version"

_PARTITION = re.compile(r"_(default|p\d{8}|\d{1,3})$")


def _counts(name: str | None, kind: str, _parents: object) -> bool:
    if kind == "schema":
        return name in {metadata.schema for metadata in METADATA}
    if kind == "table" and name is not None:
        return not _PARTITION.search(name) and name != VERSION_TABLE
    return True


def _kept(item: Any, _name: str | None, kind: str, reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's own form
    # A foreign key to a partitioned table stands in the catalogue once more for each of its partitions.
    return not (
        kind == "foreign_key_constraint"
        and reflected
        and _PARTITION.search(item.elements[0].target_fullname.split(".")[-2])
    )


OPTIONS: dict[str, Any] = {
    "include_schemas": True,
    "include_name": _counts,
    "include_object": _kept,
    "compare_type": True,
    "version_table": VERSION_TABLE,
    "version_table_schema": "engine",
}


def know_our_types() -> None:
    """Teach SQLAlchemy's reflection the types that we use and it does not know."""
    ischema_names["xid8"] = Xid8
