"""What a chunk does to customers: who is new, whose consent changes. Pure; `store` carries it out.

An import fills and renews; it takes nothing away that somebody said themselves. Who has unsubscribed stays so, whatever
the file says, and a consent that is known keeps its first time and source. A line that says no withdraws a consent
unless it was given later than the line's own time.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.customers.importing.cleaning import Line

Change = Literal["given", "withdrawn"]


class KnownCustomer(NamedTuple):
    """A customer as they stand before the chunk."""

    id: UUID
    email: str
    imported_at: datetime | None
    consent_at: datetime | None
    unsubscribed_at: datetime | None


class Counts(msgspec.Struct):
    """What has become of an import's rows. `rows = made + renewed + merged + refused`.

    Attributes:
        rows: records that were read.
        made: new customers.
        renewed: customers there were before.
        merged: rows whose address another row of the same file had.
        refused: rows left out.
        noted: values left out of rows that were taken.
    """

    rows: int = 0
    made: int = 0
    renewed: int = 0
    merged: int = 0
    refused: int = 0
    noted: int = 0


class Write(NamedTuple):
    """One customer to be written, in the order of the columns of the table that COPY fills."""

    id: UUID
    email: str
    name: str
    phone: str
    timezone: str
    attributes: str
    change: Change | None
    consent_at: datetime | None
    consent_source: str
    is_new: bool


_encode = msgspec.json.Encoder().encode
NO_ATTRIBUTES = "{}"


def writes(lines: Iterable[Line], known: Mapping[str, KnownCustomer]) -> list[Write]:
    """Return what is to be written for the lines, of whose customers those in `known` are there."""
    made = []
    for line in lines:
        before = known.get(line.email)
        made.append(
            Write(
                line.id if before is None else before.id,
                line.email,
                line.name,
                line.phone,
                line.timezone,
                storable(line.attributes) if line.attributes else NO_ATTRIBUTES,
                change(line, before),
                line.consent_at,
                line.consent_source,
                before is None,
            )
        )
    return made


def change(line: Line, before: KnownCustomer | None) -> Change | None:
    """Return what a line changes of its customer's consent."""
    if line.consent is None or line.consent_at is None:
        return None
    if before is None:
        return "given" if line.consent else None
    if line.consent:
        return "given" if before.consent_at is None and before.unsubscribed_at is None else None
    if before.consent_at is not None and line.consent_at >= before.consent_at:
        return "withdrawn"
    return None


def storable(attributes: dict[str, Any]) -> str:
    """Return attributes as JSON."""
    return _encode(attributes).decode()
