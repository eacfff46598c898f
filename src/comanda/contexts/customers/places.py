"""When two addresses are the same place. Pure."""

import unicodedata

from comanda.contracts.ordering import Address


def fingerprint(address: Address) -> str:
    """Return the address in one form: case, accents' writing, punctuation and white space make no difference."""
    parts = (address.street, address.postcode, address.city, address.detail)
    return "|".join(_plain(part) for part in parts)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(letter if letter.isalnum() else " " for letter in folded).split())
