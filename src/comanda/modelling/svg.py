"""The diagram as a drawing that needs nothing beside itself: no fonts, no scripts, its own background."""

from xml.sax.saxutils import escape

from comanda.modelling.description import Column, Description, Table
from comanda.modelling.layout import HEAD, PANEL_TITLE, ROW, Box, Layout, lay_out, table_height
from comanda.modelling.routes import Route, routes

PAPER, PANEL, BOX, LINE = "#f7f5f0", "#ece8df", "#fffdf9", "#cfc8ba"
INK, SOFT, HEADING = "#23303a", "#7b8087", "#33475b"
COLOURS = ("#0f766e", "#b45309", "#4f46e5", "#be185d", "#15803d", "#7c3aed", "#0369a1", "#a16207")
"""Of lines, by the table they lead to; the tables with most lines come first, and those after the last share grey."""
GREY = "#64748b"

SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
MONO = "'JetBrains Mono', 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace"

CORNER = 6


def svg(model: Description) -> str:
    """Return the drawing."""
    layout = lay_out(model)
    colours = _colours(model)
    parts = [
        _opening(layout),
        "<title>Comanda's tables, by context</title>",
        f'<rect width="100%" height="100%" rx="14" fill="{PAPER}"/>',
        *_legend(),
        *(_panel(schema, box) for schema, box in layout.panels.items()),
        *(_route(route, colours.get(route.relation.target, GREY)) for route in routes(model, layout)),
        *(_table(table, layout) for table in model.tables),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _opening(layout: Layout) -> str:
    width, height = _n(layout.width), _n(layout.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{SANS}" font-size="12" role="img">'
    )


def _colours(model: Description) -> dict[str, str]:
    counts: dict[str, int] = {}
    for relation in model.relations:
        counts[relation.target] = counts.get(relation.target, 0) + 1
    most = sorted(counts, key=lambda target: (-counts[target], target))
    return dict(zip(most, COLOURS, strict=False))


def _legend() -> list[str]:
    said = "Lines have the colour of the table that they lead to; a fork says that many rows refer to one."
    return [
        _text(40, 46, "The tables of Comanda, by context", size=22, colour=INK, weight=600),
        _text(40, 72, said, colour=SOFT),
        f'<path d="M640 68h40" stroke="{GREY}" stroke-width="1.6"/>',
        _text(688, 72, "foreign key", colour=SOFT),
        f'<path d="M780 68h40" stroke="{GREY}" stroke-width="1.6" stroke-dasharray="5 4"/>',
        _text(828, 72, "refers across contexts, kept by events", colour=SOFT),
        _text(1080, 72, "● primary key   ◆ refers   ○ unique   type? may be empty", colour=SOFT),
    ]


def _panel(schema: str, box: Box) -> str:
    return _rect(box, fill=PANEL, radius=12) + _text(box.x + 14, box.y + PANEL_TITLE - 10, schema, size=14, weight=600)


def _table(table: Table, layout: Layout) -> str:
    box = layout.tables[table.full_name]
    lines = [
        _rect(box._replace(height=table_height(table)), fill=BOX, radius=7, stroke=LINE),
        _head(box),
        _text(box.x + 10, box.y + 17, table.name, colour="#ffffff", weight=600),
    ]
    for number, column in enumerate(table.columns):
        lines.append(_column(column, box, box.y + HEAD + ROW * number + 15))
    return "".join(lines)


def _head(box: Box) -> str:
    outline = f"M{_n(box.x)} {_n(box.y + HEAD)}v-19a7 7 0 0 1 7-7h{_n(box.width - 14)}a7 7 0 0 1 7 7v19z"
    return f'<path d="{outline}" fill="{HEADING}"/>'


def _column(column: Column, box: Box, y: float) -> str:
    mark = "●" if column.primary else "◆" if column.refers else "○" if column.unique else ""
    kind = column.type + ("?" if column.nullable else "")
    return (
        (_text(box.x + 8, y - 0.5, mark, size=8, colour=HEADING) if mark else "")
        + _text(box.x + 21, y, column.name, size=11.5, weight=600 if column.primary else 400)
        + _text(box.x + box.width - 10, y, kind, size=10.5, colour=SOFT, font=MONO, anchor="end")
    )


def _route(route: Route, colour: str) -> str:
    relation = route.relation
    dashes = "" if relation.enforced else ' stroke-dasharray="5 4"'
    x, y = route.corners[0]
    end_x, end_y = route.corners[-1]
    out = 9 * route.side
    fork = (
        f"M{_n(x)} {_n(y - 4)}l{_n(out)} 4l{_n(-out)} 4" if not relation.single else f"M{_n(x + out / 2)} {_n(y - 4)}v8"
    )
    return (
        f'<g fill="none" stroke="{colour}" stroke-width="1.3" stroke-opacity="0.85">'
        f'<path d="{_path(route)}"{dashes}/><path d="{fork}"/>'
        f'<circle cx="{_n(end_x)}" cy="{_n(end_y)}" r="3.2" fill="{colour}" stroke="none"/></g>'
    )


def _path(route: Route) -> str:
    """Return the line with its corners rounded."""
    (x0, y0), (x1, y1), (x2, y2), (x3, _) = route.corners
    if abs(y2 - y1) < 2 * CORNER:
        return f"M{_n(x0)} {_n(y0)}H{_n(x1)}L{_n(x2)} {_n(y2)}H{_n(x3)}"
    down = CORNER if y2 > y1 else -CORNER
    before = CORNER if x1 > x0 else -CORNER
    after = CORNER if x3 > x2 else -CORNER
    return (
        f"M{_n(x0)} {_n(y0)}H{_n(x1 - before)}q{_n(before)} 0 {_n(before)} {_n(down)}V{_n(y2 - down)}"
        f"q0 {_n(down)} {_n(after)} {_n(down)}H{_n(x3)}"
    )


def _rect(box: Box, *, fill: str, radius: int, stroke: str = "none") -> str:
    return (
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 12,
    colour: str = INK,
    weight: int = 400,
    font: str = "",
    anchor: str = "start",
) -> str:
    family = f' font-family="{font}"' if font else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{family}>{escape(words)}</text>'
    )


def _n(number: float) -> str:
    return f"{number:g}"
