"""The diagram in the docs is the one that the models describe now, and the models tell all that they refer to."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from comanda.modelling import describe, mermaid, page, svg
from comanda.tables import METADATA

DOCS = Path(__file__).parents[2] / "docs"

OF_ITS_OWN = {"engine.idempotency_keys.scope", "payments.webhooks_received.subject"}
"""Ids of no one table: a scope is a restaurant or a hash, a webhook's subject a payment or a refund."""


@pytest.mark.parametrize(("name", "writer", "form"), [("model.md", page, "markdown"), ("model.svg", svg, "svg")])
def test_the_docs_show_the_live_metadata(name: str, writer: object, form: str) -> None:
    """Whoever changes a model sees here that the docs have to follow, and with which command."""
    assert callable(writer)
    stands = (DOCS / name).read_text(encoding="utf-8")
    assert stands == writer(describe(METADATA)), f"Run: .venv/bin/comanda model --format {form} --out docs/{name}"


def test_a_planted_column_is_drift() -> None:
    """A column more in one table is another text and another drawing."""
    planted = sa.MetaData(schema="planted")
    sa.Table("dishes", planted, sa.Column("id", sa.BigInteger, primary_key=True))
    before = describe([planted])
    sa.Table("dishes", planted, sa.Column("price", sa.BigInteger), extend_existing=True)
    after = describe([planted])
    assert mermaid(before) != mermaid(after)
    assert svg(before) != svg(after)


def _silent(model: sa.MetaData) -> list[str]:
    """Return uuid columns that refer to nothing and are no table's own key."""
    return [
        f"{table.schema}.{table.name}.{column.name}"
        for table in model.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.Uuid)
        and not column.foreign_keys
        and "refers_to" not in column.info
        and not (column.primary_key and column.name == "id")
    ]


def test_every_id_says_what_it_is_of() -> None:
    """A column that holds an id is a foreign key, or names in its `info` the column that it refers to."""
    silent = {name for model in METADATA for name in _silent(model)}
    assert silent <= OF_ITS_OWN, "Give these mapped_column(info={'refers_to': 'schema.table.column'})."


def test_a_planted_silent_id_is_found() -> None:
    """An id that says nothing of what it is of does not pass."""
    planted = sa.MetaData(schema="planted")
    sa.Table("dishes", planted, sa.Column("id", sa.Uuid, primary_key=True), sa.Column("chef_id", sa.Uuid))
    assert _silent(planted) == ["planted.dishes.chef_id"]
