"""The lines of the drawing: each leaves its row sideways, goes up or down in a gutter, and enters its target's row.

Lines to the same target share their lane in a gutter and their last stretch, so that they read as one tree. Pure.
"""

from typing import NamedTuple

from comanda.modelling.description import Description, Relation, Table
from comanda.modelling.layout import GUTTER, Layout, row_y

LANE = 7
"""Pixels between two lanes of a gutter."""


class Route(NamedTuple):
    """A line: its corners from source to target, and to which side it leaves the source (1 is right, -1 left)."""

    relation: Relation
    corners: tuple[tuple[float, float], ...]
    side: int


class _Ends(NamedTuple):
    relation: Relation
    start: tuple[float, float]
    end: tuple[float, float]
    side: int
    gutter: int


def routes(model: Description, layout: Layout) -> list[Route]:
    """Return a line for each relation."""
    tables = {table.full_name: table for table in model.tables}
    ends = [_ends(layout, tables, relation) for relation in model.relations]
    lanes = _lanes(ends)
    made = []
    for end in ends:
        x = layout.gutter(end.gutter) + lanes[end.gutter, end.relation.target]
        corners = (end.start, (x, end.start[1]), (x, end.end[1]), end.end)
        made.append(Route(end.relation, corners, end.side))
    return made


def _ends(layout: Layout, tables: dict[str, Table], relation: Relation) -> _Ends:
    source, target = layout.tables[relation.source], layout.tables[relation.target]
    a, b = layout.column_of[relation.source], layout.column_of[relation.target]
    side = 1 if b > a else -1
    enter_left = a < b or a == b
    start = (
        source.x + (source.width if side > 0 else 0),
        row_y(tables[relation.source], source, relation.columns[0]),
    )
    end = (
        target.x + (0 if enter_left else target.width),
        row_y(tables[relation.target], target, relation.target_columns[0]),
    )
    return _Ends(relation, start, end, side, a + 1 if side > 0 else a)


def _lanes(ends: list[_Ends]) -> dict[tuple[int, str], float]:
    """Return how far into its gutter each bundle runs: those that go far down, in the middle."""
    lanes: dict[tuple[int, str], float] = {}
    for gutter in {end.gutter for end in ends}:
        targets = sorted({end.relation.target for end in ends if end.gutter == gutter})
        first = (GUTTER - LANE * (len(targets) - 1)) / 2
        for number, target in enumerate(targets):
            lanes[gutter, target] = first + LANE * number
    return lanes
