"""Where everything stands in the drawing: contexts stacked in columns, tables stacked in their context. Pure.

Contexts are put where the lines between them are short and the columns about as high as each other, by trying every
move and every exchange until none makes it better. Nothing is left to chance: the same model is the same drawing.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from comanda.modelling.description import Description, Relation, Table

COLUMNS = 5
ROW = 18
HEAD = 26
TABLE_WIDTH = 268
TABLE_GAP = 14
PANEL_PADDING = 14
PANEL_TITLE = 30
PANEL_GAP = 26
GUTTER = 92
MARGIN = 40
TOP = 104

HEIGHT_WEIGHT = 6.0
"""How much a pixel of the highest column counts, beside a pixel of one line."""

PANEL_WIDTH = TABLE_WIDTH + 2 * PANEL_PADDING

Columns = tuple[tuple[str, ...], ...]
"""The schemas of each column, from the top down."""


class Box(NamedTuple):
    """A rectangle of the drawing."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """Where panels (by schema) and tables (by full name) stand, in which column, and how large it all is."""

    panels: dict[str, Box]
    tables: dict[str, Box]
    column_of: dict[str, int]
    width: float
    height: float

    def gutter(self, number: int) -> float:
        """Return where the gutter to the left of a column begins; that of number `COLUMNS` is the last."""
        return MARGIN + number * (PANEL_WIDTH + GUTTER)


def lay_out(model: Description) -> Layout:
    """Return where everything stands."""
    columns = _start(model)
    cost = _cost(model, columns)
    while True:
        better, least = min(((c, _cost(model, c)) for c in _neighbours(columns)), key=lambda pair: pair[1])
        if least >= cost:
            return _place(model, columns)
        columns, cost = better, least


def table_height(table: Table) -> float:
    """Return the height of a table's box."""
    return HEAD + ROW * len(table.columns) + 6


def row_y(table: Table, box: Box, column: str) -> float:
    """Return the height at which a line meets the row of a column."""
    number = next(n for n, candidate in enumerate(table.columns) if candidate.name == column)
    return box.y + HEAD + ROW * number + ROW / 2 + 2


def _start(model: Description) -> Columns:
    """Put each context, the highest first, into the lowest column."""
    columns: list[list[str]] = [[] for _ in range(min(COLUMNS, len(model.schemas)))]
    heights = [0.0] * len(columns)
    for schema in sorted(model.schemas, key=lambda schema: -_panel_height(model, schema)):
        number = heights.index(min(heights))
        columns[number].append(schema)
        heights[number] += _panel_height(model, schema)
    return tuple(tuple(column) for column in columns)


def _neighbours(columns: Columns) -> Iterator[Columns]:
    places = [(number, place) for number, column in enumerate(columns) for place in range(len(column))]
    for (a, i), (b, j) in combinations(places, 2):
        swapped = [list(column) for column in columns]
        swapped[a][i], swapped[b][j] = swapped[b][j], swapped[a][i]
        yield tuple(tuple(column) for column in swapped)
    for number, place in places:
        rest = [list(column) for column in columns]
        moved = rest[number].pop(place)
        for to, column in enumerate(rest):
            for at in range(len(column) + 1):
                changed = [list(other) for other in rest]
                changed[to].insert(at, moved)
                yield tuple(tuple(other) for other in changed)


def _cost(model: Description, columns: Columns) -> float:
    layout = _place(model, columns)
    return HEIGHT_WEIGHT * layout.height + sum(_length(layout, relation) for relation in model.relations)


def _length(layout: Layout, relation: Relation) -> float:
    source, target = layout.tables[relation.source], layout.tables[relation.target]
    return abs(source.x - target.x) + abs(source.y - target.y)


def _panel_height(model: Description, schema: str) -> float:
    heights = [table_height(table) for table in _tables_of(model, schema)]
    return PANEL_TITLE + sum(heights) + TABLE_GAP * (len(heights) - 1) + PANEL_PADDING


def _tables_of(model: Description, schema: str) -> Sequence[Table]:
    return [table for table in model.tables if table.schema == schema]


def _place(model: Description, columns: Columns) -> Layout:
    layout = Layout({}, {}, {}, MARGIN * 2 + len(columns) * (PANEL_WIDTH + GUTTER) + GUTTER, 0.0)
    lowest = 0.0
    for number, column in enumerate(columns):
        x, y = layout.gutter(number) + GUTTER, float(TOP)
        for schema in column:
            height = _panel_height(model, schema)
            layout.panels[schema] = Box(x, y, PANEL_WIDTH, height)
            at = y + PANEL_TITLE
            for table in _tables_of(model, schema):
                layout.tables[table.full_name] = Box(x + PANEL_PADDING, at, TABLE_WIDTH, table_height(table))
                layout.column_of[table.full_name] = number
                at += table_height(table) + TABLE_GAP
            y += height + PANEL_GAP
        lowest = max(lowest, y)
    return layout._replace(height=lowest - PANEL_GAP + MARGIN)
