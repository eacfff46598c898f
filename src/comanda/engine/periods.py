"""How a table is cut by time. Pure: what a model says of its table; `database.partitions` makes the partitions.

A table is cut by a timestamp, or by a UUIDv7 (RFC 9562), whose first 48 bits are the time of its making.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class TimePartitions:
    """How a table is cut.

    Attributes:
        table: with its schema; it has a default partition `<table>_default`.
        column: by which it is cut, a timestamp or a UUIDv7.
        kind: which of the two.
        period: the length of a partition.
        ahead: periods for which partitions stand ready beside the present one. What falls outside lands in the default
            partition, and is moved once its own is made.
    """

    table: str
    column: str
    kind: Literal["timestamp", "uuid7"]
    period: Literal["day", "month"]
    ahead: int

    def starts(self, today: date) -> list[date]:
        """Return the first days of the partitions that should stand ready."""
        start = today if self.period == "day" else today.replace(day=1)
        found = [start]
        for _ in range(self.ahead):
            found.append(self.after(found[-1]))
        return found

    def after(self, start: date) -> date:
        """Return the first day of the partition after the one that begins on `start`."""
        if self.period == "day":
            return start + timedelta(days=1)
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)

    def name(self, start: date) -> str:
        """Return the name of the partition that begins on `start`."""
        return f"{self.table}_p{start:%Y%m%d}"

    def start_of(self, name: str) -> date | None:
        """Return the first day of the partition of this name; None where it is none of ours, as the default is."""
        found = re.fullmatch(re.escape(self.table) + r"_p(\d{4})(\d\d)(\d\d)", name)
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None

    def bound(self, start: date) -> str:
        """Return the SQL literal of the first value of the partition that begins on `start`."""
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
        if self.kind == "timestamp":
            return f"'{midnight.isoformat()}'"
        return f"'{UUID(int=int(midnight.timestamp() * 1000) << 80)}'"
