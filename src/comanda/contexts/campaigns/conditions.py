"""What an audience asks of people: a small tree of typed conditions, as it is kept in the database. Pure.

A tree is one group of conditions, and any of these may be a group of conditions itself; deeper it does not go. That
somebody has opted in, has not unsubscribed and is not suppressed is no condition: it always holds (`condition_sql.py`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from comanda.contracts.catalog import FulfilmentType
from comanda.engine.errors import FieldError, Refused

MAX_CONDITIONS = 50
"""Conditions in one audience, at most, those in groups counted."""

MAX_DAYS = 3_650

Count = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12, description="In minor units.")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

HowMany = Literal["at_least", "at_most", "exactly"]
Match = Literal["all", "any", "none"]


class Orders(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="orders"):
    """How many paid orders somebody has made in all."""

    how: HowMany
    count: Count


class Spent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="spent"):
    """What somebody has paid in all, less what was refunded."""

    how: Literal["at_least", "at_most"]
    amount: Amount


class OrderAge(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="order_age"):
    """How long ago somebody made the first or last order; whoever has made none fits neither way."""

    which: Literal["first", "last"]
    how: Literal["within", "longer_ago"]
    days: Days


class OrderDate(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="order_date"):
    """Whether the first or last order was on or after a day, or before it."""

    which: Literal["first", "last"]
    how: Literal["since", "before"]
    day: date


class OrderedTimes(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ordered_times"):
    """How many orders somebody has made in the last days: all, those of one kind, those of more than a total."""

    how: HowMany
    count: Count
    days: Days
    fulfilment: FulfilmentType | None = None
    total_over: Amount | None = None


class Fulfilled(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="fulfilment"):
    """Whether somebody has ever had a delivery (pickup, table), never, or nothing else."""

    how: Literal["ever", "never", "only"]
    by: FulfilmentType


class Given(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="given"):
    """Whether somebody's name or phone number is known."""

    what: Literal["name", "phone"]
    how: Literal["known", "unknown"]


class Domain(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="domain"):
    """Where somebody's e-mail address is."""

    how: Literal["is", "is_not"]
    domain: Word


class Zone(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="zone"):
    """Somebody's time zone; empty for those of whom none is known, who count as being in the restaurant's."""

    how: Literal["is", "is_not"]
    zone: Text


class Attribute(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="attribute"):
    """Something that the restaurant itself keeps about its customers.

    Numbers compare with numbers and texts with texts (as their characters' code points do), and `contains` is for texts
    and for lists of them; a text's case matters for none but `contains`. An attribute that is null is missing.
    """

    name: Word
    how: Literal["is", "is_not", "contains", "more_than", "less_than", "exists", "missing"]
    value: Text | int | float | bool | None = None


class Engaged(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="engaged"):
    """Whether somebody has opened one of the campaigns that were started in the last days, or clicked in one."""

    what: Literal["opened", "clicked"]
    how: Literal["did", "did_not"]
    days: Days


Condition: TypeAlias = (
    Orders | Spent | OrderAge | OrderDate | OrderedTimes | Fulfilled | Given | Domain | Zone | Attribute | Engaged
)


class Group(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="group"):
    """Conditions of which all hold, any, or none."""

    match: Match
    of: tuple[Condition, ...]


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What an audience asks for; without any conditions it is everybody who has opted in."""

    match: Match = "all"
    of: tuple[Condition | Group, ...] = ()


EVERYBODY = Conditions()


def parse(stored: Mapping[str, Any]) -> Conditions:
    """Return conditions out of JSON; raises `Refused` (invalid) with what is wrong in words."""
    try:
        return msgspec.convert(stored, Conditions)
    except (msgspec.ValidationError, RecursionError) as error:
        message = f"These conditions cannot be read: {error}."
        fields = [FieldError("conditions", message)]
        raise Refused(message, kind="invalid", code="conditions-unreadable", fields=fields) from error


def stored(conditions: Conditions) -> dict[str, Any]:
    """Return conditions as JSON values; `parse` makes the same of them again."""
    builtins: dict[str, Any] = msgspec.to_builtins(conditions)
    return builtins


def conditions_in(group: Conditions) -> list[Condition]:
    """Return all conditions, those in groups too."""
    found: list[Condition] = []
    for each in group.of:
        found.extend(each.of if isinstance(each, Group) else (each,))
    return found
