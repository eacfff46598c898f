"""What an author does to what stands in the editor's form: add, move and remove blocks and subjects. Pure.

An action is a word and a place: `add:blocks:text`, `up:blocks.2`, `remove:blocks.2.left.0`, `remove:subjects.1`.
"""

from typing import Any, get_args

from comanda.contexts.campaigns.document import MOST_BLOCKS, MOST_SUBJECTS, Block, MenuItems
from comanda.contexts.campaigns.editor_form import Typed, every_place

NEW: dict[str, dict[str, Any]] = {
    kind.__struct_config__.tag: dict(zip(kind.__struct_fields__[::-1], kind.__struct_defaults__[::-1], strict=False))
    for kind in get_args(Block)
}
"""A new block of each kind: its fields' own defaults."""

NAMES = {
    "heading": "Heading",
    "text": "Text",
    "image": "Picture",
    "button": "Button",
    "coupon": "Coupon",
    "menu": "Dishes",
    "columns": "Two columns",
    "divider": "Line",
    "spacer": "Space",
}
"""What marketers call the kinds of blocks."""

MOVES = frozenset({"add", "up", "down", "remove"})


def act(typed: Typed, action: str) -> str:  # noqa: PLR0911 - one for each thing that cannot be done
    """Do it, and return the place of what is to be looked at next: empty where nothing was to be done."""
    verb, _, rest = action.partition(":")
    path, _, kind = rest.partition(":")
    parts = path.split(".")
    document = typed["document"]
    if parts[0] == "subjects":
        return _subjects(document["subjects"], verb, parts)
    if verb == "add":
        siblings = _list_at(document["blocks"], parts)
        known = kind in NEW and (kind != "columns" or len(parts) == 1)
        if siblings is None or not known or every_place(document["blocks"]) >= MOST_BLOCKS:
            return ""
        siblings.append(_new(kind))
        return f"{path}.{len(siblings) - 1}"
    siblings = _list_at(document["blocks"], parts[:-1])
    at = _index(parts[-1])
    if siblings is None or at is None or at >= len(siblings):
        return ""
    if verb == "remove":
        siblings.pop(at)
        return ".".join([*parts[:-1], str(max(0, min(at, len(siblings) - 1)))])
    to = at + {"up": -1, "down": 1}.get(verb, 0)
    if to == at or not 0 <= to < len(siblings):
        return ""
    siblings.insert(to, siblings.pop(at))
    return ".".join([*parts[:-1], str(to)])


def _subjects(subjects: list[str], verb: str, parts: list[str]) -> str:
    if verb == "add" and len(subjects) < MOST_SUBJECTS:
        subjects.append("")
        return f"subjects.{len(subjects) - 1}"
    at = _index(parts[-1])
    if verb == "remove" and at is not None and at < len(subjects) and len(subjects) > 1:
        subjects.pop(at)
        return "subjects.0"
    return ""


def _new(kind: str) -> dict[str, Any]:
    block = {"type": kind, **NEW[kind]}
    if kind == "columns":
        return block | {"left": [], "right": []}
    return block | {"items": []} if kind == MenuItems.__struct_config__.tag else block


def _list_at(blocks: list[dict[str, Any]], parts: list[str]) -> list[dict[str, Any]] | None:
    """Return the blocks of which `parts` names the list: `blocks`, or `blocks.2.left`."""
    if parts == ["blocks"]:
        return blocks
    if len(parts) != 3 or parts[0] != "blocks" or parts[2] not in {"left", "right"}:  # noqa: PLR2004 - blocks.2.left
        return None
    at = _index(parts[1])
    if at is None or at >= len(blocks) or blocks[at].get("type") != "columns":
        return None
    side: list[dict[str, Any]] = blocks[at][parts[2]]
    return side


def _index(part: str) -> int | None:
    return int(part) if part.isascii() and part.isdigit() and len(part) < 4 else None  # noqa: PLR2004 - far above 100
