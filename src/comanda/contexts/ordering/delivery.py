"""Where a restaurant delivers, and for how much at least."""

from collections.abc import Iterable

from comanda.contracts.catalog import DeliveryArea


def folded_postcode(postcode: str) -> str:
    """Return the postcode as it is compared: no white space or hyphens, capital letters."""
    return "".join(postcode.split()).replace("-", "").upper()


def area_of(areas: Iterable[DeliveryArea], postcode: str) -> DeliveryArea | None:
    """Return the area that the postcode lies in, or None.

    A whole postcode goes before a beginning (`94*`), and a longer beginning before a shorter one, wherever they stand.
    """
    wanted = folded_postcode(postcode)
    if not wanted:
        return None
    best: DeliveryArea | None = None
    best_length = -1
    for area in areas:
        for pattern in area.postcodes:
            beginning = folded_postcode(pattern.removesuffix("*"))
            open_ended = pattern.endswith("*")
            if wanted == beginning and not open_ended:
                return area
            if open_ended and wanted.startswith(beginning) and len(beginning) > best_length:
                best, best_length = area, len(beginning)
    return best
