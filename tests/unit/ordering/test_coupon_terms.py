"""The terms of coupons."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from comanda.contexts.ordering.coupon_terms import unmet_term
from comanda.contracts.ordering import OrderLine
from comanda.contracts.promotions import Coupon

NOW = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINES = (OrderLine(item="soup", name="Soup", quantity=2, unit_price=500, total=1000),)


def coupon(**terms: object) -> Coupon:
    """Return a coupon of 5.00 with these terms."""
    return Coupon(id=UUID(int=1), restaurant_id=UUID(int=2), code="C", **({"kind": "amount", "value": 500} | terms))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("used", "term"),
    [
        (None, "unknown"),
        (coupon(active=False), "unknown"),
        (coupon(starts_at=NOW + HOUR), "not_yet"),
        (coupon(starts_at=NOW), None),
        (coupon(ends_at=NOW), "over"),
        (coupon(ends_at=NOW + HOUR), None),
        (coupon(minimum=1001), "minimum"),
        (coupon(minimum=1000), None),
        (coupon(kind="free_item", item_id="cake", value=0), "item"),
        (coupon(kind="free_item", item_id="soup", value=0), None),
    ],
)
def test_the_first_term_that_is_not_met_is_told(used: Coupon | None, term: str | None) -> None:
    """Validity has its start inside and its end outside; a minimum is inclusive; a free item must be in the cart."""
    unmet = unmet_term(used, LINES, 1000, NOW)
    assert (unmet.term if unmet is not None else None) == term


def test_what_is_missing_to_the_minimum_is_told() -> None:
    """A guest can be told how much more to order."""
    unmet = unmet_term(coupon(minimum=1300), LINES, 1000, NOW)
    assert unmet is not None
    assert unmet.missing == 300
