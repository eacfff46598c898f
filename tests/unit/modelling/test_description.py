"""What the diagram's description reads out of metadata, and what its text and drawing make of it."""

from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from comanda.modelling import Relation, UnknownReference, describe, mermaid, svg


def shop() -> list[sa.MetaData]:
    """Return two contexts: orders with lines, and tickets that refer to orders across the border."""
    ordering, kitchen = sa.MetaData(schema="ordering"), sa.MetaData(schema="kitchen")
    sa.Table("orders", ordering, sa.Column("id", sa.Uuid, primary_key=True), sa.Column("note", sa.Text, nullable=True))
    sa.Table(
        "lines",
        ordering,
        sa.Column("order_id", sa.ForeignKey("ordering.orders.id", name="lines_of_order"), primary_key=True),
        sa.Column("place", sa.SmallInteger, primary_key=True),
    )
    sa.Table(
        "tickets",
        kitchen,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, nullable=False, info={"refers_to": "ordering.orders.id"}),
        sa.UniqueConstraint("order_id", name="tickets_one_per_order"),
    )
    return [ordering, kitchen]


def test_foreign_keys_and_told_references_are_relations() -> None:
    """A key that the database holds is enforced; one that a model tells is not, and unique makes it one to one."""
    lines, tickets = describe(shop()).relations
    assert lines == Relation(
        "ordering.lines", "ordering.orders", ("order_id",), ("id",), enforced=True, single=False, optional=False
    )
    assert tickets == Relation(
        "kitchen.tickets", "ordering.orders", ("order_id",), ("id",), enforced=False, single=True, optional=False
    )


def test_a_reference_to_nothing_is_refused() -> None:
    """A misspelt reference does not make a wrong diagram."""
    planted = sa.MetaData(schema="kitchen")
    sa.Table("tickets", planted, sa.Column("order_id", sa.Uuid, info={"refers_to": "ordering.ordres.id"}))
    with pytest.raises(UnknownReference, match=r"kitchen\.tickets\.order_id"):
        describe([planted])


def test_mermaid_names_keys_and_tells_lines_apart() -> None:
    """Tables carry their schema, columns their keys; a dotted line is one that no foreign key holds."""
    text = mermaid(describe(shop()))
    assert 'kitchen_tickets["kitchen.tickets"] {' in text
    assert "uuid order_id FK, UK" in text
    assert 'text note "may be empty"' in text
    assert 'ordering_lines }o--|| ordering_orders : "order_id"' in text
    assert 'kitchen_tickets |o..|| ordering_orders : "order_id"' in text


def test_the_drawing_is_wellformed_and_the_same_each_time() -> None:
    """The SVG parses, holds every table's name, and does not depend on chance."""
    drawn = svg(describe(shop()))
    words = {element.text for element in ET.fromstring(drawn).iter() if element.tag.endswith("text")}  # noqa: S314 - ours
    assert {"ordering", "kitchen", "orders", "lines", "tickets"} <= words
    assert drawn == svg(describe(shop()))
