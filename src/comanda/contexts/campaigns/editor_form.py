"""The editor's form: what an author typed, kept as it was typed, and the draft that can be made of it. Pure.

A field is called like the place of its fault: `document.blocks.2.text`. Whatever was typed is shown again, whether a
draft can be made of it or not.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from babel.numbers import get_currency_precision

from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.document import Block, Columns, Document, SimpleBlock, document_of, values_of_document
from comanda.contexts.campaigns.drafting import Draft, SubjectsTest, refused
from comanda.contexts.campaigns.scene import Scene
from comanda.contracts.campaigns import CouponTerms
from comanda.engine.errors import FieldError
from comanda.web.forms import Form

Typed = dict[str, Any]
"""What stands in the form's fields: text, and blocks as maps with a `type`."""

PREFIX = "document."
DEEPEST = 6
"""Parts that a field's name can have, `document.blocks.2.left.0.text`."""
MOST_AMOUNT = 10**9

_LENGTH = re.compile(r"length <= (\d+)")
_BOUND = re.compile(r"(>=|<=) (\d+)")


def typed_of(row: CampaignRow, scene: Scene) -> Typed:
    """Return what stands in the form of a campaign as it is kept."""
    document = document_of(row.document)
    values = values_of_document(document)
    values["coupon"] = _coupon_typed(document.coupon, scene)
    split = row.split
    return {
        "name": row.name,
        "audience": str(row.audience_id or ("" if row.conditions is None else "own" if row.conditions else "all")),
        "policy": row.policy,
        "split": {
            "share": f"{split.share / 10:g}" if split else "20",
            "by": split.by if split else "opens",
            "hours": f"{split.after_s / 3600:g}" if split else "4",
        },
        "document": values,
    }


def typed_in(form: Form) -> Typed:
    """Return what stands in a form that was posted."""
    tree: dict[str, Any] = {}
    for name in form:
        parts = name.split(".")
        if not name.startswith(PREFIX) or len(parts) > DEEPEST:
            continue
        value: Any = form.every(name) if parts[-1] == "items" else form.one(name)
        place = tree
        for part in parts[1:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        else:
            place[parts[-1]] = value
    return {
        "name": form.one("name"),
        "audience": form.one("audience"),
        "policy": form.one("policy", "at_most_once"),
        "split": {part: form.one(f"split.{part}") for part in ("share", "by", "hours")},
        "document": {
            "subjects": [str(each) for each in _listed(tree.get("subjects"))] or [""],
            "preheader": str(tree.get("preheader", "")),
            "blocks": [_block(each) for each in _listed(tree.get("blocks")) if isinstance(each, dict)],
            "text": str(tree.get("text", "")),
            "brand": {key: str(value) for key, value in _mapped(tree.get("brand")).items()},
            "address": str(tree.get("address", "")),
            "coupon": {key: str(value) for key, value in _mapped(tree.get("coupon")).items()},
            "tracking": "tracking" in tree,
        },
    }


def draft_of(typed: Typed, row: CampaignRow, scene: Scene) -> Draft:
    """Return the draft that was typed; raises `Refused` (invalid) with the places of all faults of the first kind."""
    faults: list[FieldError] = []
    written = typed["document"]
    document: Document | None = None
    blocks = [_converted(each, f"document.blocks.{at}", faults) for at, each in enumerate(written["blocks"])]
    coupon = _terms(written["coupon"], scene, faults)
    with suppress(msgspec.ValidationError):
        document = msgspec.convert({**written, "blocks": (), "coupon": None}, Document, strict=False)
    if document is None:
        faults += _head_faults(written)
    split = _split(typed["split"], faults) if len(written["subjects"]) > 1 else None
    audience = _audience(typed["audience"], row)
    try:
        if faults or document is None:
            raise refused(faults or [FieldError("document", "This cannot be read.")])
        document = msgspec.structs.replace(document, blocks=tuple(block for block in blocks if block), coupon=coupon)
        values = {"name": typed["name"], "policy": typed["policy"], **audience}
        return msgspec.structs.replace(msgspec.convert(values, Draft), document=document, split=split)
    except msgspec.ValidationError as error:
        path = str(error).partition("`$.")[2].rstrip("`") or "name"
        raise refused([FieldError(path, _words(str(error)))]) from error


def _listed(value: Any) -> list[Any]:
    """Return the values of a map whose keys are numbers, in the order of these."""
    if not isinstance(value, dict):
        return []
    return [value[key] for key in sorted((key for key in value if key.isascii() and key.isdigit()), key=int)]


def _mapped(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _block(values: dict[str, Any]) -> dict[str, Any]:
    if values.get("type") != "columns":
        return values
    sides = {side: [each for each in _listed(values.get(side)) if isinstance(each, dict)] for side in ("left", "right")}
    return {"type": "columns", **sides}


def _converted(values: dict[str, Any], path: str, faults: list[FieldError]) -> Block | None:
    if values.get("type") == "columns":
        left, right = (
            tuple(
                block
                for at, each in enumerate(values[side])
                if (block := _converted_as(each, SimpleBlock, f"{path}.{side}.{at}", faults)) is not None
            )
            for side in ("left", "right")
        )
        return Columns(left=left, right=right)
    converted: Block | None = _converted_as(values, Block, path, faults)
    return converted


def _converted_as(values: dict[str, Any], kind: Any, path: str, faults: list[FieldError]) -> Any:
    if values.get("type") == "menu":
        values = {"items": [], **values}
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        where = str(error).partition("`$.")[2].rstrip("`").partition("[")[0]
        faults.append(FieldError(f"{path}.{where}" if where else path, _words(str(error))))
        return None


def _head_faults(written: dict[str, Any]) -> list[FieldError]:
    """Return the faults of what is beside the blocks, each part tried by itself."""
    faults = []
    parts: list[tuple[str, dict[str, Any]]] = [
        *((f"subjects.{at}", {"subjects": (subject,)}) for at, subject in enumerate(written["subjects"])),
        *((part, {part: written[part]}) for part in ("subjects", "preheader", "text", "address")),
        *((f"brand.{part}", {"brand": {part: value}}) for part, value in written["brand"].items()),
    ]
    for place, values in parts:
        try:
            msgspec.convert(values, Document, strict=False)
        except msgspec.ValidationError as error:
            faults.append(FieldError(f"document.{place}", _words(str(error))))
    return faults


def _words(error: str) -> str:
    """Return a fault that the types tell as people say it."""
    if found := _LENGTH.search(error):
        return f"This is too long: {found[1]} at most."
    if "length >=" in error:
        return "Please choose one at least."
    if found := _BOUND.search(error):
        return f"Please enter a number, {'at least' if found[1] == '>=' else 'at most'} {found[2]}."
    if "`int`" in error:
        return "Please enter a whole number."
    return "Please enter a colour such as #b3261e." if "#[0-9" in error else "This is not one of the choices."


def _audience(typed: str, row: CampaignRow) -> dict[str, Any]:
    if typed == "all":
        return {"conditions": {}}
    if typed == "own":
        return {"conditions": row.conditions or {}}
    return {"audience_id": typed or None}


def _split(typed: dict[str, str], faults: list[FieldError]) -> SubjectsTest | None:
    share = _number(typed["share"], 10, "split.share", faults)
    after_s = _number(typed["hours"], 3600, "split.hours", faults)
    try:
        return msgspec.convert({"share": share, "by": typed["by"], "after_s": after_s}, SubjectsTest)
    except msgspec.ValidationError as error:
        if "share" in str(error):
            faults.append(FieldError("split.share", "Please test with 1 to 90 percent."))
        else:
            faults.append(FieldError("split.hours", "A test takes from a quarter of an hour to a week."))
        return None


def _terms(typed: dict[str, str], scene: Scene, faults: list[FieldError]) -> CouponTerms | None:
    kind = typed.get("kind", "")
    if kind not in {"percentage", "amount", "free_item"}:
        return None
    minor = 10 ** get_currency_precision(scene.currency)
    ends_at = None
    if typed.get("ends_at"):
        try:
            day = datetime.fromisoformat(typed["ends_at"]).date()
            ends_at = datetime.combine(day, time(23, 59, 59), ZoneInfo(scene.timezone))
        except ValueError:
            faults.append(FieldError("document.coupon.ends_at", "Please enter a day."))
    free = kind == "free_item"
    times = 100 if kind == "percentage" else minor
    return CouponTerms(
        kind=kind,  # type: ignore[arg-type]  # looked at above
        value=0 if free else _number(typed.get("value", ""), times, "document.coupon.value", faults),
        item_id=(typed.get("item_id") or None) if free else None,
        minimum=_number(typed.get("minimum") or "0", minor, "document.coupon.minimum", faults),
        ends_at=ends_at,
    )


def _coupon_typed(terms: CouponTerms | None, scene: Scene) -> dict[str, str]:
    if terms is None:
        return {}
    minor = 10 ** get_currency_precision(scene.currency)
    ends = "" if terms.ends_at is None else terms.ends_at.astimezone(ZoneInfo(scene.timezone)).date().isoformat()
    return {
        "kind": terms.kind,
        "value": _plain(terms.value, 100 if terms.kind == "percentage" else minor) if terms.value else "",
        "item_id": terms.item_id or "",
        "minimum": _plain(terms.minimum, minor) if terms.minimum else "",
        "ends_at": ends,
    }


def _plain(amount: int, minor: int) -> str:
    return f"{(Decimal(amount) / minor).normalize():f}"


def _number(typed: str, times: int, path: str, faults: list[FieldError]) -> int:
    """Return a decimal number, times that; a comma is a point."""
    try:
        value = Decimal(typed.replace(",", ".")) * times
        if value.is_finite() and abs(value) <= MOST_AMOUNT and value == value.to_integral_value():
            return int(value)
    except InvalidOperation:
        pass
    faults.append(FieldError(path, "Please enter a number."))
    return 0


def every_place(blocks: Sequence[dict[str, Any]]) -> int:
    """Return how many blocks there are, those in columns too."""
    return sum(1 + len(each.get("left", ())) + len(each.get("right", ())) for each in blocks)
