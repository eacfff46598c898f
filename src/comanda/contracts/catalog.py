"""What the catalog shows: the menu document, the restaurant, and reservations of stock and kitchen slots.

Money is integer minor units of the restaurant's currency. Times of day are `HH:MM` in the restaurant's zone.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from comanda.engine.database import Transaction
from comanda.engine.errors import FieldError
from comanda.engine.events import Event

FulfilmentType = Literal["pickup", "delivery", "dine_in"]


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of the week. `start` is inside, `end` is outside; an `end` at or before `start` is on the next day.

    Attributes:
        days: ISO weekdays (Monday is 1) on which the window starts; empty means every day.
        start: `HH:MM`.
        end: `HH:MM`, `24:00` allowed.
    """

    days: tuple[int, ...] = ()
    start: str
    end: str


class MenuOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A choice within a group. `price` is added to the item's (and may be negative) for each time it is chosen."""

    id: str
    name: str
    price: int = 0
    max_quantity: int = 1
    default: bool = False
    allergens: tuple[str, ...] = ()


class OptionGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options of which a guest picks between `min` and `max`; `min` of one or more makes it required.

    A group from which a guest picked nothing gets its options marked `default`.
    """

    id: str
    name: str
    min: int = 0
    max: int = 1
    options: tuple[MenuOption, ...] = ()


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to eat or drink.

    Attributes:
        price: minor units, before options.
        availability: windows in which it can be ordered; empty means always.
        daily_stock: how many can be sold in one day of the restaurant's calendar; None means no limit.
        photo: a path below the files URL, or None.
    """

    id: str
    name: str
    price: int
    description: str = ""
    option_groups: tuple[OptionGroup, ...] = ()
    allergens: tuple[str, ...] = ()
    availability: tuple[Window, ...] = ()
    daily_stock: int | None = None
    photo: str | None = None
    attributes: dict[str, object] = {}


class Category(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A heading of the menu."""

    id: str
    name: str
    description: str = ""
    items: tuple[Item, ...] = ()


class Menu(msgspec.Struct, frozen=True, kw_only=True):
    """A menu document; immutable once it is published under its version.

    An item's id is unique in it. An option's is unique in its item; options of several items that share an id are
    the same thing (guacamole is guacamole), and are sold out together. No option has the id of an item.
    """

    version: int
    currency: str
    categories: tuple[Category, ...] = ()


class DayException(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A date on which other hours hold; no windows means closed all day."""

    day: date
    windows: tuple[Window, ...] = ()
    reason: str = ""


class DeliveryArea(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the restaurant delivers: postcodes, or their beginnings ending in `*`."""

    id: str
    name: str
    postcodes: tuple[str, ...]
    fee: int = 0
    minimum: int = 0


class Trading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a restaurant sells: hours, ways of fulfilment, lead times, slots, tax.

    Attributes:
        hours: opening hours; an empty tuple means always open.
        lead_minutes: from order to ready, by fulfilment type.
        slot_minutes: length of a kitchen slot.
        slot_capacity: orders per kitchen slot; None means no limit.
        days_ahead: how far ahead a later slot can be chosen.
        tax_basis_points: hundredths of a percent; 825 is 8.25 %.
        tax_included: whether menu prices contain the tax.
    """

    hours: tuple[Window, ...] = ()
    exceptions: tuple[DayException, ...] = ()
    fulfilments: tuple[FulfilmentType, ...] = ("pickup", "delivery", "dine_in")
    lead_minutes: dict[FulfilmentType, int] = {}
    delivery_areas: tuple[DeliveryArea, ...] = ()
    slot_minutes: int = 15
    slot_capacity: int | None = None
    days_ahead: int = 7
    tax_basis_points: int = 0
    tax_included: bool = True


class Restaurant(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant with what is needed to take an order from its published menu.

    Attributes:
        revision: rises with every change to anything in here or to what is sold out; a cached copy with an older
            revision is stale.
        country: ISO 3166, for phone numbers without a country code.
        sold_out: ids of items and options that cannot be had now.
    """

    id: UUID
    slug: str
    name: str
    currency: str
    timezone: str
    country: str
    locale: str
    revision: int
    trading: Trading
    menu: Menu
    sold_out: frozenset[str] = frozenset()
    attributes: dict[str, object] = {}
    attributes_schema: dict[str, object] = {}


class RestaurantName(msgspec.Struct, frozen=True, kw_only=True):
    """What a restaurant is called, and where."""

    slug: str
    name: str


class RestaurantReader(Protocol):
    """Finds restaurants that have a published menu; keeps decoded copies in memory, which may be a second old."""

    async def by_slug(self, slug: str, *, revision: int | None = None) -> Restaurant | None:
        """Return the restaurant, no older than `revision` where one is given."""
        ...

    async def by_id(self, restaurant_id: UUID, *, revision: int | None = None) -> Restaurant | None:
        """Return the restaurant, no older than `revision` where one is given."""
        ...

    async def listed(self, most: int) -> Sequence[RestaurantName]:
        """Return the names of `most` restaurants at most, by name."""
        ...

    async def revisions(self, tx: Transaction, restaurant_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the revisions as this transaction sees them: a copy with an older one is stale."""
        ...


class Timetable(Protocol):
    """The catalog's rules of time. Pure: the present instant is handed in; instants are aware."""

    def is_open(self, restaurant: Restaurant, at: datetime) -> bool:
        """Whether it is open at that instant."""
        ...

    def next_opening(self, restaurant: Restaurant, after: datetime) -> datetime | None:
        """Return the first instant from `after` on at which it is open, in UTC, or None."""
        ...

    def covers(self, restaurant: Restaurant, windows: tuple[Window, ...], at: datetime) -> bool:
        """Whether any of an item's windows contains that instant."""
        ...

    def due(
        self, restaurant: Restaurant, fulfilment: FulfilmentType, wanted: datetime | None, now: datetime
    ) -> datetime | FieldError:
        """Return when an order made now will be due, in UTC, or why it cannot be.

        `wanted` is the later time that the guest chose; None is as soon as possible.
        """
        ...

    def choices(self, restaurant: Restaurant, fulfilment: FulfilmentType, now: datetime) -> list[datetime]:
        """Return the starts of the slots that a guest can choose now, in UTC; full ones are among them."""
        ...

    def slot_of(self, restaurant: Restaurant, due_at: datetime) -> datetime:
        """Return the start, in UTC, of the kitchen slot in which the due time lies."""
        ...

    def day_of(self, restaurant: Restaurant, at: datetime) -> date:
        """Return the date of the restaurant's calendar, by which daily stock is counted."""
        ...


class StockNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What one order needs of one item's daily stock."""

    order_id: UUID
    restaurant_id: UUID
    item_id: str
    day: date
    quantity: int
    limit: int


class SlotNeed(msgspec.Struct, frozen=True, kw_only=True):
    """The kitchen slot that one order needs; `starts_at` is the slot's beginning, in UTC."""

    order_id: UUID
    restaurant_id: UUID
    starts_at: datetime
    capacity: int


class KitchenCapacity(Protocol):
    """Reserves daily stock and kitchen slots inside the caller's transaction, for many orders at once.

    Rows are locked in one order (stock by restaurant, item, day; then slots by restaurant, start), so that two
    callers never deadlock. Needs are granted in the order in which they are given; an order is granted whole or not
    at all.
    """

    async def reserve_stock(self, tx: Transaction, needs: Sequence[StockNeed]) -> dict[UUID, str]:
        """Reserve; return, for each order that could not have all it needs, the item id that ran out."""
        ...

    async def reserve_slots(self, tx: Transaction, needs: Sequence[SlotNeed]) -> set[UUID]:
        """Reserve; return the orders for which the slot was full."""
        ...

    async def release(self, tx: Transaction, order_id: UUID) -> None:
        """Give back all that the order holds. Doing it twice gives back once."""
        ...

    async def release_all(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Give back all that these orders hold, set-wise."""
        ...


class MenuPublished(Event, frozen=True, kw_only=True):
    """A new version of a menu is what guests see from now on."""

    name: ClassVar[str] = "catalog.MenuPublished"
    key_field: ClassVar[str] = "restaurant_id"

    restaurant_id: UUID
    menu_version: int


EVENTS: tuple[type[Event], ...] = (MenuPublished,)
