"""The diagram as the text of a Mermaid `erDiagram`, which GitHub and GitLab draw where it stands in a page."""

import re

from comanda.modelling.description import Column, Description, Relation, Table

COMMAND = "comanda model --format markdown --out docs/model.md"


def mermaid(model: Description) -> str:
    """Return the diagram. Solid lines are foreign keys, dotted ones are kept by events across contexts."""
    lines = ["erDiagram"]
    for schema in model.schemas:
        lines.append(f"    %% {schema}")
        for table in model.tables:
            if table.schema == schema:
                lines += _entity(table)
    lines.append("    %% what refers to what")
    lines += [_line(relation) for relation in model.relations]
    return "\n".join(lines) + "\n"


def page(model: Description) -> str:
    """Return the page `docs/model.md`, which holds the drawing and the text."""
    return (
        "# The tables\n\n"
        f"Made by `{COMMAND}` out of the live metadata; a test fails when it is not what the models say.\n"
        "Solid lines are foreign keys. Dotted ones cross the border of a context and are kept by events, or cross\n"
        "into a partitioned table.\n\n"
        "![The tables, by context](model.svg)\n\n"
        f"```mermaid\n{mermaid(model)}```\n"
    )


def _entity(table: Table) -> list[str]:
    return [
        f'    {_id(table.full_name)}["{table.full_name}"] {{',
        *(f"        {_column(column)}" for column in table.columns),
        "    }",
    ]


def _column(column: Column) -> str:
    keys = [mark for mark, holds in (("PK", column.primary), ("FK", column.refers), ("UK", column.unique)) if holds]
    kind = re.sub(r"[^a-z0-9_]", "_", column.type.replace("[]", "_list"))
    words = [kind, column.name, ", ".join(keys), '"may be empty"' if column.nullable else ""]
    return " ".join(word for word in words if word)


def _line(relation: Relation) -> str:
    many = "|o" if relation.single else "}o"
    one = "o|" if relation.optional else "||"
    link = "--" if relation.enforced else ".."
    return f'    {_id(relation.source)} {many}{link}{one} {_id(relation.target)} : "{", ".join(relation.columns)}"'


def _id(full_name: str) -> str:
    return full_name.replace(".", "_")
