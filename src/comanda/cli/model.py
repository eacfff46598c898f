"""`comanda model`."""

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from comanda.cli.command import command
from comanda.modelling import describe, mermaid, page, svg
from comanda.tables import METADATA


class Format(enum.StrEnum):
    """How the diagram is written."""

    MERMAID = "mermaid"
    SVG = "svg"
    MARKDOWN = "markdown"


WRITERS = {Format.MERMAID: mermaid, Format.SVG: svg, Format.MARKDOWN: page}


def model(
    form: Annotated[Format, typer.Option("--format", help="Text, drawing, or a page with both.")] = Format.MERMAID,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it. [standard output]")] = None,
) -> None:
    """Print the entity-relationship diagram: every context's tables and what refers to what, from the live metadata.

    Example: comanda model --format svg --out model.svg
    """
    written = WRITERS[form](describe(METADATA))
    if out is None:
        sys.stdout.write(written)
    else:
        out.write_text(written, encoding="utf-8")


app = command(model)
