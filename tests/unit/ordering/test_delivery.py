"""Areas of delivery, by postcode."""

import pytest

from comanda.contexts.ordering.delivery import area_of
from comanda.contracts.catalog import DeliveryArea

AREAS = (
    DeliveryArea(id="far", name="Far", postcodes=("*",)),
    DeliveryArea(id="city", name="City", postcodes=("28*", "SW1*")),
    DeliveryArea(id="centre", name="Centre", postcodes=("28013", "SW1A 1AA")),
)


@pytest.mark.parametrize(
    ("postcode", "area"),
    [
        ("28013", "centre"),
        (" 28 013 ", "centre"),
        ("28014", "city"),
        ("sw1a1aa", "centre"),
        ("SW1A-2AA", "city"),
        ("10115", "far"),
    ],
)
def test_the_closest_description_wins(postcode: str, area: str) -> None:
    """A whole postcode goes before a beginning, a longer beginning before a shorter one; writing does not matter."""
    found = area_of(AREAS, postcode)
    assert found is not None
    assert found.id == area


def test_elsewhere_is_nowhere() -> None:
    """Without an area for all, others are not delivered to; nor is an empty postcode."""
    assert area_of(AREAS[1:], "10115") is None
    assert area_of(AREAS, " ") is None
    assert area_of((), "28013") is None
