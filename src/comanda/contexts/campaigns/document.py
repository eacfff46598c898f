"""What is written of a campaign: its document, kept as JSON beside it. Structs and their checks; pure.

`document_of` reads one from JSON values and tells every fault with its place (`blocks.2.text`). A document that it
returns can be rendered: every link is one that a mail may have, every merge field is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from comanda.contexts.campaigns import inline
from comanda.contexts.campaigns.merge_fields import faults_in
from comanda.contexts.campaigns.web_links import link_of, picture_of
from comanda.contracts.campaigns import CouponTerms
from comanda.engine.errors import FieldError, Refused

MOST_SUBJECTS = 4
MOST_BLOCKS = 100
MOST_MENU_ITEMS = 20
MOST_FAULTS = 20
"""Faults told at once."""

Words = Annotated[str, Meta(max_length=300, description="One line; merge fields are allowed.")]
Link = Annotated[str, Meta(max_length=2000, description="https://…, http://…, mailto:… or tel:….")]
LongText = Annotated[
    str,
    Meta(
        max_length=10_000,
        description="Text with `**bold**`, `*italic*`, `[words](https://…)` and merge fields; an empty line begins a "
        "new paragraph.",
    ),
]
Colour = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", description="A colour such as #b3261e.")]
Align = Literal["left", "center", "right"]


class Heading(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="heading", forbid_unknown_fields=True):
    """A heading, from 1 (largest) to 3."""

    text: Words
    level: Annotated[int, Meta(ge=1, le=3)] = 1
    align: Align = "left"


class Text(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Paragraphs."""

    text: LongText
    align: Align = "left"


class Image(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="image", forbid_unknown_fields=True):
    """A picture. `alt` is read where pictures are not shown, and is empty only for ornaments."""

    source: Annotated[str, Meta(max_length=2000, description="files:summer.png, or https://….")]
    alt: Words = ""
    link: Link = ""
    width: Annotated[int, Meta(ge=16, le=600, description="Pixels, of the 600 that a mail is wide.")] = 600


class Button(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="button", forbid_unknown_fields=True):
    """A button that leads somewhere."""

    text: Words
    link: Link
    align: Align = "center"


class Coupon(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="coupon", forbid_unknown_fields=True):
    """The recipient's own coupon code in a frame; the document says in `coupon` what it gives."""

    text: Words = ""
    link: Link = ""


class MenuItems(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="menu", forbid_unknown_fields=True):
    """Dishes of the published menu by their ids, with names and prices as they are when the mail is compiled."""

    items: Annotated[Sequence[Annotated[str, Meta(max_length=100)]], Meta(min_length=1, max_length=MOST_MENU_ITEMS)]
    link: Link = ""


class Divider(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="divider", forbid_unknown_fields=True):
    """A line."""


class Spacer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="spacer", forbid_unknown_fields=True):
    """Empty room, in pixels."""

    height: Annotated[int, Meta(ge=4, le=120)] = 24


SimpleBlock = Heading | Text | Image | Button | Coupon | MenuItems | Divider | Spacer
SimpleBlocks = Annotated[Sequence[SimpleBlock], Meta(max_length=20)]


class Columns(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="columns", forbid_unknown_fields=True):
    """Two columns side by side; one below the other on a phone."""

    left: SimpleBlocks
    right: SimpleBlocks


Block = Heading | Text | Image | Button | Coupon | MenuItems | Divider | Spacer | Columns


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a mail looks: colours by day; at night mail clients that can are given dark ones.

    Attributes:
        accent: of buttons and links; `on_accent` is what is written on buttons.
        background: around the mail; `paper` is the mail's own; `ink` what is written on it.
        logo: a picture above all; empty is the restaurant's name.
        rounded: pixels by which corners are rounded.
    """

    accent: Colour = "#b3261e"
    on_accent: Colour = "#ffffff"
    background: Colour = "#f4f1ec"
    paper: Colour = "#ffffff"
    ink: Colour = "#2a2521"
    logo: Annotated[str, Meta(max_length=2000)] = ""
    rounded: Annotated[int, Meta(ge=0, le=32)] = 8


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail as it is written.

    Attributes:
        subjects: one, or two to four that are tried against one another.
        preheader: what mail clients show behind the subject.
        blocks: the mail, from top to bottom.
        text: the plain text; empty is made from the blocks.
        brand: how it looks.
        address: the restaurant's postal address, which a commercial mail must have, in one or more lines.
        coupon: what each recipient's own coupon gives; None is no coupon.
        tracking: whether opens and clicks are counted.
    """

    subjects: Annotated[Sequence[Words], Meta(max_length=MOST_SUBJECTS)] = ("",)
    preheader: Words = ""
    blocks: Annotated[Sequence[Block], Meta(max_length=MOST_BLOCKS)] = ()
    text: Annotated[str, Meta(max_length=100_000)] = ""
    brand: Brand = Brand()
    address: Annotated[str, Meta(max_length=300)] = ""
    coupon: CouponTerms | None = None
    tracking: bool = True


def document_of(values: Mapping[str, Any]) -> Document:
    """Return the document that JSON values describe; raises `Refused` (invalid) with the place of every fault."""
    try:
        document = msgspec.convert(values, Document)
    except msgspec.ValidationError as error:
        raise _refused([_fault_of(error)]) from error
    faults = list(faults_of(document)) or list(_unkeepable(document))
    if faults:
        raise _refused(faults[:MOST_FAULTS])
    return document


def values_of_document(document: Document) -> dict[str, Any]:
    """Return the document as JSON values."""
    values: dict[str, Any] = msgspec.to_builtins(document)
    return values


def faults_of(document: Document) -> Iterator[FieldError]:
    """Return what keeps a document from being kept, with places."""
    if not document.subjects:
        yield FieldError("subjects", "A mail has a subject.")
    for place, subject in enumerate(document.subjects):
        yield from _line(subject, f"subjects.{place}")
    yield from _line(document.preheader, "preheader")
    yield from faults_in(document.text, "text")
    yield from faults_in(document.address, "address", allowed=False)
    if document.brand.logo:
        yield from _picture(document.brand.logo, "brand.logo")
    yield from _blocks(document.blocks, "blocks")
    yield from _coupon(document)


def gaps_of(document: Document) -> Iterator[FieldError]:
    """Return what may be missing as long as a document is a draft, and not when it starts."""
    for place, subject in enumerate(document.subjects):
        if not subject.strip():
            yield FieldError(f"subjects.{place}", "A mail needs a subject.")
    if not document.blocks:
        yield FieldError("blocks", "There is nothing in the mail yet.")
    if not document.address.strip():
        yield FieldError("address", "A mail to customers needs the restaurant's postal address.")


def every_block(blocks: Sequence[Block], path: str) -> Iterator[tuple[str, SimpleBlock]]:
    """Return all blocks with their places, those in columns too."""
    for place, block in enumerate(blocks):
        if isinstance(block, Columns):
            yield from every_block(block.left, f"{path}.{place}.left")
            yield from every_block(block.right, f"{path}.{place}.right")
        else:
            yield f"{path}.{place}", block


def _blocks(blocks: Sequence[Block], path: str) -> Iterator[FieldError]:
    for place, block in every_block(blocks, path):
        match block:
            case Heading():
                yield from _line(block.text, f"{place}.text")
            case Text():
                yield from faults_in(block.text, f"{place}.text")
                for url in inline.links_of(block.text):
                    yield from _link(url, f"{place}.text")
            case Image():
                yield from _picture(block.source, f"{place}.source")
                yield from faults_in(block.alt, f"{place}.alt", allowed=False)
                yield from _link(block.link, f"{place}.link", needed=False)
            case Button():
                yield from _line(block.text, f"{place}.text")
                yield from _link(block.link, f"{place}.link")
            case Coupon():
                yield from _line(block.text, f"{place}.text")
                yield from _link(block.link, f"{place}.link", needed=False)
            case MenuItems():
                yield from _link(block.link, f"{place}.link", needed=False)
            case Divider() | Spacer():
                pass


def _line(text: str, path: str) -> Iterator[FieldError]:
    if any(ord(character) < 32 or character in "\x7f\x85\u2028\u2029" for character in text):  # noqa: PLR2004 - a space
        yield FieldError(path, "This is one line, without line breaks or control characters.")
    yield from faults_in(text, path)


def _link(url: str, path: str, *, needed: bool = True) -> Iterator[FieldError]:
    if not url and not needed:
        return
    if faults := faults_in(url, path, allowed=False):
        yield from faults
        return
    try:
        link_of(url)
    except ValueError as error:
        yield FieldError(path, str(error))


def _picture(source: str, path: str) -> Iterator[FieldError]:
    try:
        picture_of(source)
    except ValueError as error:
        yield FieldError(path, str(error))


def _coupon(document: Document) -> Iterator[FieldError]:
    terms = document.coupon
    if terms is None:
        for place, block in every_block(document.blocks, "blocks"):
            if isinstance(block, Coupon):
                yield FieldError(place, "Say first what the coupon gives.")
        return
    if (terms.kind == "free_item") != bool(terms.item_id):
        yield FieldError("coupon.item_id", "A free item, and nothing else, names the item.")
    if terms.value < 0 or (terms.kind == "percentage" and not 0 < terms.value <= 10_000):  # noqa: PLR2004 - 100 %
        yield FieldError("coupon.value", "A percentage is from 1 to 10000 hundredths of a percent.")
    if terms.kind == "amount" and terms.value <= 0:
        yield FieldError("coupon.value", "An amount is above 0.")
    if terms.minimum < 0:
        yield FieldError("coupon.minimum", "A minimum is 0 or more.")
    if terms.ends_at is not None and terms.ends_at.tzinfo is None:
        yield FieldError("coupon.ends_at", "The end needs a time zone.")


def _unkeepable(document: Document) -> Iterator[FieldError]:
    """JSON in the database holds no NUL, and UTF-8 no half of a surrogate pair."""
    try:
        if rb"\u0000" in msgspec.json.encode(document).replace(rb"\\", b""):
            yield FieldError("document", "There is a NUL character in it.")
    except UnicodeEncodeError:
        yield FieldError("document", "There is half a character in it.")


def _refused(faults: Sequence[FieldError]) -> Refused:
    return Refused(faults[0].message, kind="invalid", code="campaign-invalid", fields=faults)


def _fault_of(error: msgspec.ValidationError) -> FieldError:
    message, _, where = str(error).partition(" - at `$")
    path = where.rstrip("`").replace("[...]", "").replace("[", ".").replace("]", "").strip(".")
    return FieldError(path or "document", message)
