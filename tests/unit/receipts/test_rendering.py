"""A receipt as it is read."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from comanda.contexts.receipts.rendering import ReceiptRenderer
from comanda.contracts.ordering import OrderDocument
from tests.fakes.full_orders import PAID_AT, full_order

RENDERER = ReceiptRenderer("https://eat.example/")
EVIL = "<script>alert(1)</script>\"'>&{{ 7*7 }}\r\nBcc: x@example.com\x00\u202e"


class Elements(HTMLParser):
    """Collects the names of elements and the targets of links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.names.add(tag)
        self.links += [value for name, value in attrs if name == "href"]


def everywhere(text: str) -> OrderDocument:
    """Return an order in which a guest and a restaurant wrote `text` wherever they can."""
    order = full_order()
    line = order.quote.lines[0]
    line = replace(line, name=text, note=text, options=(replace(line.options[0], name=text),))
    address = order.fulfilment.address
    assert address is not None
    changed: OrderDocument = replace(
        order,
        restaurant_name=text,
        note=text,
        guest=replace(order.guest, name=text),
        quote=replace(order.quote, lines=(line,), coupon=text),
        fulfilment=replace(
            order.fulfilment, address=replace(address, street=text, city=text, postcode=text, detail=text), table=text
        ),
    )
    return changed


def test_a_receipt_has_all_that_was_paid() -> None:
    """Lines, options, discount, tax, fee, tip and total stand in both forms, in the restaurant's money and zone."""
    subject, text, html = RENDERER.render(full_order(7), PAID_AT)
    assert subject == "Your receipt from Trattoria Ñandú: order 7"
    for form in (text, html):
        for shown in (
            "Trattoria Ñandú", "Ada Lovelace", "Margherita", "Extra basil", "€1.00", "well done", "€21.00", "Water",
            "€3.00", "€24.00", "WELCOME10", "-€2.40", "€2.50", "€1.00", "€25.10", "€1.96", "Via Appia 1", "00179",
            "Roma", "second floor", "ring twice", "2 Jun, 18:30", "2 Jun, 18:31", "2 Jun, 19:15",
            "https://eat.example/orders/token-7",
        ):  # fmt: skip
            assert shown in form, shown


def test_money_and_time_follow_the_restaurant() -> None:
    """A Japanese restaurant's yen have no decimals, and its times are Tokyo's."""
    order = full_order()
    quote = replace(order.quote, currency="JPY")
    _, text, html = RENDERER.render(replace(order, quote=quote, locale="ja_JP", timezone="Asia/Tokyo"), PAID_AT)
    for form in (text, html):
        assert "￥2,510" in form
        assert "1:31" in form


def test_parts_that_are_zero_are_left_out() -> None:
    """Without discount, fee, tip and added tax there is the total alone."""
    order = full_order()
    quote = replace(order.quote, discount=0, tax=0, fee=0, tip=0, total=2400, coupon=None)
    for form in RENDERER.render(replace(order, quote=quote), PAID_AT)[1:]:
        for word in ("Items", "Discount", "Delivery</td>", "Tip", "tax"):
            assert word not in form
        assert "€24.00" in form


def test_tax_that_is_added_is_a_line() -> None:
    """Where prices do not contain the tax, it stands among the parts."""
    order = full_order()
    quote = replace(order.quote, tax=198, tax_added=198, total=2708)
    _, text, html = RENDERER.render(replace(order, quote=quote), PAID_AT)
    for form in (text, html):
        assert "Tax" in form
        assert "€1.98" in form
        assert "of which" not in form
        assert "includes" not in form


@pytest.mark.parametrize("kind", ["pickup", "delivery", "dine_in"])
@pytest.mark.parametrize("asap", [True, False])
def test_every_fulfilment(kind: str, *, asap: bool) -> None:
    """Pickup, delivery and table each say how and when, also where address and table are not given."""
    order = full_order()
    fulfilment = replace(
        order.fulfilment, type=kind, asap=asap, address=None, table="12" if kind == "dine_in" else None
    )
    _, text, html = RENDERER.render(replace(order, fulfilment=fulfilment), PAID_AT)
    word = {"pickup": "pick up", "delivery": "Delivery", "dine_in": "At your table"}[kind]
    for form in (text, html):
        assert word in form
        assert ("about" in form) is asap
        assert "None" not in form


def test_what_guests_wrote_is_only_text() -> None:
    """Markup, template syntax, line breaks and marks of direction in names and notes change nothing but the words."""
    subject, text, html = RENDERER.render(everywhere(EVIL), PAID_AT)
    elements = Elements(html)
    assert "script" not in elements.names
    assert set(elements.links) == {"https://eat.example/orders/token-1"}
    assert "49" not in html
    for form in (subject, text):
        assert "\u202e" not in form
        assert "\x00" not in form
        assert not any(line.startswith("Bcc") for line in form.splitlines())


def test_a_very_long_name_and_other_scripts() -> None:
    """10,000 characters, emoji and right-to-left names come through whole."""
    for name in ("ż" * 10_000, "شاورما 🌯 دجاج", "👩‍👩‍👧‍👦 family pizza"):
        _, text, html = RENDERER.render(everywhere(name), PAID_AT)
        assert name in text
        assert name in html


def test_the_same_order_is_the_same_receipt() -> None:
    """Rendering is pure: twice the same order is twice the same receipt."""
    paid_at = datetime(2025, 1, 1, tzinfo=UTC)
    assert RENDERER.render(full_order(), paid_at) == RENDERER.render(full_order(), paid_at)
