"""A receipt as it is read: subject, plain text and HTML, out of the order's document.

Pure: the same order gives the same receipt. Money is in the restaurant's currency and locale, times in its zone. What
guests and staff wrote is escaped in HTML, and kept to its line and its direction in the text.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import jinja2

from comanda.contracts.ordering import OrderDocument
from comanda.web.formats import filters

TEMPLATES = Path(__file__).parent / "templates"

WIDTH = 46
"""Characters of a line of the plain text, where names are short enough."""

MOST_SUBJECT_NAME = 80
"""Characters of a restaurant's name in the subject."""

_SPACE = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")
_DIRECTION = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class RenderedReceipt(NamedTuple):
    """A receipt, ready to be sent and stored."""

    subject: str
    text: str
    html: str


class ReceiptRenderer:
    """Renders receipts.

    Args:
        public_url: where guests reach us, for the link to the order.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._templates = _environment()

    def render(self, order: OrderDocument, paid_at: datetime) -> RenderedReceipt:
        """Return the receipt of a paid order."""
        values = {
            "order": order,
            "quote": order.quote,
            "paid_at": paid_at,
            "currency": order.quote.currency,
            "locale": order.locale,
            "timezone": order.timezone,
            "tracking_url": self._public_url + order.tracking_path,
        }
        name = one_line(order.restaurant_name)[:MOST_SUBJECT_NAME]
        return RenderedReceipt(
            subject=f"Your receipt from {name}: order {order.number}",
            text=self._templates.get_template("receipt.txt").render(values),
            html=self._templates.get_template("receipt.html").render(values),
        )


def one_line(text: str) -> str:
    """Return what somebody wrote on one line, without marks that would turn the direction of what follows."""
    return _SPACE.sub(" ", _DIRECTION.sub("", text)).strip()


def priced_line(label: str, price: str) -> str:
    """Return a line of the text with its price at the right-hand end."""
    return f"{label}{' ' * max(2, WIDTH - len(label) - len(price))}{price}"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters(), one_line=one_line)
    environment.globals["priced_line"] = priced_line
    return environment
