"""The kinds of conditions as the builder shows them: a sentence each, of words, selects and inputs. Pure.

The names of the fields are those of the conditions' members (`conditions.py`), so that a row of the form is, number by
number and text by text, the JSON of its condition.
"""

from typing import Literal, NamedTuple

Control = Literal["choice", "number", "amount", "day", "text"]


class Part(NamedTuple):
    """A field of a condition.

    Attributes:
        name: the member that it fills.
        label: what it is called for those who do not see the words around it.
        before, after: the words around it.
        choices: of a `choice`: values and their words; the first is what a new row has.
        start: what a new row has in all others.
        optional: whether it may be left empty.
        suggestions: the name of a list of what is likely (`zones`, `attributes`), empty for none.
    """

    name: str
    control: Control
    label: str
    before: str = ""
    after: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    start: str = ""
    optional: bool = False
    suggestions: str = ""


class Kind(NamedTuple):
    """A kind of conditions: what it is called where one is added, and its fields."""

    title: str
    parts: tuple[Part, ...]


HOW_MANY = (("at_least", "at least"), ("at_most", "at most"), ("exactly", "exactly"))
WHICH = (("last", "last"), ("first", "first"))
IS = (("is", "is"), ("is_not", "is not"))
FULFILMENTS = (("delivery", "delivery"), ("pickup", "pickup"), ("dine_in", "at the table"))

HOW_MANY_PART = Part("how", "choice", "At least, at most or exactly", choices=HOW_MANY)
DAYS_PART = Part("days", "number", "Days", after="days", start="60")
WHICH_PART = Part("which", "choice", "First or last order", choices=WHICH)

KINDS: dict[str, Kind] = {
    "ordered_times": Kind(
        "Ordered so often, lately",
        (
            Part("how", "choice", "At least, at most or exactly", before="Ordered", choices=HOW_MANY),
            Part("count", "number", "How often", after="times", start="2"),
            Part("days", "number", "Days", before="in the last", after="days", start="60"),
            Part(
                "fulfilment",
                "choice",
                "Kind of order",
                choices=(("", "in any way"), ("delivery", "for delivery"), *FULFILMENTS[1:]),
                optional=True,
            ),
            Part("total_over", "amount", "Total above", before="each above", optional=True),
        ),
    ),
    "orders": Kind(
        "Orders in all",
        (
            Part("how", "choice", "At least, at most or exactly", before="Has made", choices=HOW_MANY),
            Part("count", "number", "Orders", after="orders in all", start="1"),
        ),
    ),
    "spent": Kind(
        "Spent in all",
        (
            Part("how", "choice", "At least or at most", before="Has spent", choices=HOW_MANY[:2]),
            Part("amount", "amount", "Amount", after="in all", start="100.00"),
        ),
    ),
    "order_age": Kind(
        "First or last order, days ago",
        (
            WHICH_PART._replace(before="The"),
            Part(
                "how",
                "choice",
                "Within or longer ago",
                before="order was",
                choices=(("longer_ago", "longer ago than"), ("within", "within the last")),
            ),
            DAYS_PART,
        ),
    ),
    "order_date": Kind(
        "First or last order, by date",
        (
            WHICH_PART._replace(before="The"),
            Part(
                "how",
                "choice",
                "Since or before",
                before="order was",
                choices=(("since", "on or after"), ("before", "before")),
            ),
            Part("day", "day", "Day"),
        ),
    ),
    "fulfilment": Kind(
        "Delivery, pickup or table",
        (
            Part(
                "how",
                "choice",
                "Ever, never or only",
                before="Has",
                choices=(("never", "never"), ("ever", "ever"), ("only", "only ever")),
            ),
            Part(
                "by",
                "choice",
                "Kind of order",
                before="ordered",
                choices=(("delivery", "for delivery"), *FULFILMENTS[1:]),
            ),
        ),
    ),
    "engaged": Kind(
        "Opened or clicked",
        (
            Part("how", "choice", "Did or did not", choices=(("did", "Has"), ("did_not", "Has not"))),
            Part("what", "choice", "Opened or clicked in", choices=(("opened", "opened"), ("clicked", "clicked in"))),
            Part("days", "number", "Days", before="a campaign of the last", after="days", start="60"),
        ),
    ),
    "given": Kind(
        "Name or phone number",
        (
            Part(
                "what", "choice", "Name or phone", before="The", choices=(("name", "name"), ("phone", "phone number"))
            ),
            Part("how", "choice", "Known or not", before="is", choices=(("known", "known"), ("unknown", "not known"))),
        ),
    ),
    "domain": Kind(
        "E-mail domain",
        (
            Part("how", "choice", "Is or is not", before="The address", choices=IS),
            Part("domain", "text", "Domain", before="at", start=""),
        ),
    ),
    "zone": Kind(
        "Time zone",
        (
            Part("how", "choice", "Is or is not", before="The time zone", choices=IS),
            Part("zone", "text", "Time zone", optional=True, suggestions="zones"),
        ),
    ),
    "attribute": Kind(
        "Custom attribute",
        (
            Part("name", "text", "Attribute", before="The attribute", suggestions="attributes"),
            Part(
                "how",
                "choice",
                "Comparison",
                choices=(
                    *IS,
                    ("contains", "contains"),
                    ("more_than", "is more than"),
                    ("less_than", "is less than"),
                    ("exists", "is there"),
                    ("missing", "is not there"),
                ),
            ),
            Part("value", "text", "Value", optional=True),
            Part(
                "as",
                "choice",
                "Kind of value",
                choices=(("text", "as text"), ("number", "as number"), ("yes_no", "as yes or no")),
            ),
        ),
    ),
}
"""By the names of the conditions' tags, in the order in which they are offered."""

GROUP = "group"

MATCHES = (("all", "all of these hold"), ("any", "any of these holds"), ("none", "none of these holds"))
