"""When two addresses are the same place."""

import pytest

from comanda.contexts.customers.places import fingerprint
from comanda.contracts.ordering import Address

HERE = Address(street="Rua Augusta 1", city="Lisboa", postcode="1100-048", detail="2.º esq.")


@pytest.mark.parametrize(
    "same",
    [
        Address(street=" rua  AUGUSTA 1 ", city="lisboa", postcode="1100 048", detail="2.º esq"),
        Address(street="Rua Augusta, 1", city="Lisboa", postcode="1100-048", detail="2.º Esq."),
    ],
)
def test_case_and_punctuation_make_no_difference(same: Address) -> None:
    """The same place, typed in another way, is the same place."""
    assert fingerprint(same) == fingerprint(HERE)


@pytest.mark.parametrize("change", [{"street": "Rua Augusta 11"}, {"postcode": "1100-049"}, {"detail": "3.º esq."}])
def test_another_house_is_another_place(change: dict[str, str]) -> None:
    """Numbers, postcodes and floors tell places apart."""
    assert fingerprint(Address(**{**_fields(HERE), **change})) != fingerprint(HERE)


def _fields(address: Address) -> dict[str, str]:
    return {name: getattr(address, name) for name in address.__struct_fields__}
