"""The keyed hash of a form's canonical writing: the same meal for the same guest has the same hash. Pure.

Canonical: e-mail and phone normalised; names, notes and addresses folded; lines merged and sorted, with their default
options filled in. What the guest was shown (`expected_total`), how they pay, tokens and the time of sending are not in
it; the time for which they order is.
"""

import msgspec

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.form import CleanForm
from comanda.contexts.ordering.texts import folded
from comanda.engine.idempotency import Seals

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical(slug: str, form: CleanForm, cart: Cart) -> bytes:
    """Return the canonical writing of a form.

    Args:
        slug: of the restaurant.
        form: cleaned.
        cart: complete (see `check_cart`): defaults filled in, each option once, in the menu's order.
    """
    merged: dict[tuple[str, tuple[tuple[str, int], ...], str], int] = {}
    for line in cart.lines:
        options = tuple((option.id, option.quantity) for option in line.options)
        place = (line.item, options, folded(line.note) if line.note else "")
        merged[place] = merged.get(place, 0) + line.quantity
    fulfilment = form.fulfilment
    address = fulfilment.address
    return _encoder.encode(
        (
            slug,
            folded(form.name),
            form.email,
            form.phone,
            fulfilment.type,
            fulfilment.at,
            None if address is None else tuple(folded(part) for part in msgspec.structs.astuple(address)),
            folded(fulfilment.table),
            sorted(merged.items()),
            form.coupon and folded(form.coupon),
            form.tip,
            folded(form.note) if form.note else "",
            form.attributes,
        )
    )


def form_hash(seals: Seals, slug: str, form: CleanForm, cart: Cart) -> bytes:
    """Return the hash of a form, 16 bytes."""
    return seals.hash("order form", canonical(slug, form, cart))
