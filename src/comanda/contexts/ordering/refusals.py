"""What an order is refused for, in a guest's words. All are `Refused`; none leaves anything stored."""

from collections.abc import Sequence

import msgspec

from comanda.engine.errors import FieldError, Refused


def invalid(fields: Sequence[FieldError]) -> Refused:
    """Return the refusal of a form with mistakes that the guest can mend."""
    message = fields[0].message if len(fields) == 1 else "Some things in this order need another look."
    return Refused(message, kind="invalid", code="order-invalid", fields=fields)


def unknown_restaurant(slug: str) -> Refused:
    """Return the refusal of an order at a restaurant that is not here."""
    message = "There is no such restaurant here."
    return Refused(message, kind="not_found", code="restaurant-unknown", members={"restaurant": slug[:100]})


def price_changed(expected: int, total: int) -> Refused:
    """Return the refusal of an order whose total is not what the guest was shown."""
    return Refused(
        "The price has changed since you saw it. Look at the new total and order again.",
        kind="conflict",
        code="price-changed",
        fields=[FieldError("expected_total", "The total is not what you were shown.")],
        members={"expected_total": expected, "total": total},
    )


def sold_out(item_id: str, name: str, place: int) -> Refused:
    """Return the refusal of an order whose item's daily stock has run out."""
    message = f"{name} has just run out for today."
    fields = [FieldError(f"lines.{place}.item", message)]
    return Refused(message, kind="conflict", code="item-sold-out", fields=fields, members={"item": item_id})


def slot_full() -> Refused:
    """Return the refusal of an order for which the kitchen has no more hands."""
    message = "The kitchen is fully booked at that time. Choose another time."
    return Refused(message, kind="conflict", code="slot-full", fields=[FieldError("fulfilment.at", message)])


def coupon_used_up(limit: str) -> Refused:
    """Return the refusal of an order whose coupon has reached a limit: `total` or `guest`."""
    message = "You have used this coupon already." if limit == "guest" else "This coupon has been used up."
    return Refused(message, kind="conflict", code="coupon-used-up", fields=[FieldError("coupon", message)])


class EarlierOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The earlier order of the same form, as the guest may know it."""

    number: int
    placed_at: str
    status: str
    tracking: str


def same_again(order: EarlierOrder, confirm: str) -> Refused:
    """Return the question that is put to a guest who has sent the same form before."""
    return Refused(
        f"You placed this same order already: it is number {order.number}. "
        "Send it again with the token in “confirm” if you want it once more.",
        kind="conflict",
        code="order-again",
        members={"order": msgspec.to_builtins(order), "confirm": confirm},
    )


def confirm_unknown() -> Refused:
    """Return the refusal of a confirmation that was not given for this form, or is too old."""
    message = "This confirmation is not valid any more. Order without it, and you will be asked anew."
    return Refused(message, kind="invalid", code="confirm-unknown", fields=[FieldError("confirm", message)])
