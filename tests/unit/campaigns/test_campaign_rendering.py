"""Documents as mails: whole, escaped, with a footer that nobody can leave out."""

from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.campaigns import inline
from comanda.contexts.campaigns.document import (
    Brand,
    Button,
    Columns,
    Coupon,
    Document,
    Heading,
    Image,
    MenuItems,
    Text,
    faults_of,
)
from comanda.contexts.campaigns.merge_fields import fields_in, fill, fill_html, is_known, is_own
from comanda.contexts.campaigns.rendering import render_html, render_text
from comanda.contexts.campaigns.scene import Dish, Links, Scene
from comanda.contracts.campaigns import CouponTerms

EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ unsubscribe_url }} & {{{{"
ODD = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [EVIL, "javascript:alert(1)", "**", "*", "[", "](", "[x](javascript:x)", "{{ name | a }}", "-->", "\\"]
    ),
)
WORDS = st.lists(ODD, max_size=6).map("".join)
TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "table",
        "tr",
        "td",
        "a",
        "img",
        "h1",
        "h2",
        "h3",
        "p",
        "strong",
        "em",
        "br",
    ]
)
ATTRIBUTES = frozenset(
    [
        "lang",
        "charset",
        "name",
        "content",
        "style",
        "role",
        "cellpadding",
        "cellspacing",
        "border",
        "width",
        "height",
        "align",
        "valign",
        "bgcolor",
        "class",
        "href",
        "src",
        "alt",
    ]
)


def scene(name: str = "Trattoria Ñandú", dish: str = "Paella") -> Scene:
    """Return where the mails of these tests are from."""
    return Scene(
        restaurant_id=UUID(int=1),
        restaurant=name,
        slug="demo",
        locale="en_IE",
        timezone="Europe/Madrid",
        currency="EUR",
        public_url="https://eat.example",
        dishes={"paella": Dish(name=dish, price=1250, description=dish)},
    )


class Reading(HTMLParser):
    """Reads HTML as a mail client would, and keeps what could do harm or lead somewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        values = dict(attrs)
        self.links += [values["href"] or ""] if "href" in values else []
        self.sources += [values["src"] or ""] if "src" in values else []
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note that a tag ends, in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is shown."""
        self.words += data


def document(**changes: Any) -> Document:
    """Return a document of each kind of block."""
    values: dict[str, Any] = {
        "subjects": ("Summer",),
        "preheader": "A new menu for {{ first_name | you }}",
        "blocks": (
            Heading(text="Hello {{ first_name | there }}"),
            Text(text="One **two** *three* [four](https://eat.example/a?b=1&c=2)\nfive\n\nsix 2 * 3"),
            Image(source="files:summer.png", alt='A "table"', link="https://eat.example/"),
            Button(text="Call us", link="tel:+34600000000"),
            Coupon(text="For you"),
            MenuItems(items=("paella", "gone")),
            Columns(left=(Text(text="left"),), right=(Button(text="Book", link="https://eat.example/book"),)),
        ),
        "address": "Calle Mayor 1\n28013 Madrid",
        "coupon": CouponTerms(kind="percentage", value=1000),
    }
    return Document(**values | changes)


def test_every_block_is_shown() -> None:
    """Words, marks, links, prices, pictures, and what a phone, Outlook and the night need."""
    links = Links(counted=False)
    html = render_html(document(), scene(), links)
    read = Reading(html)
    assert read.open == []
    assert "<strong>two</strong>" in html
    assert "<em>three</em>" in html
    assert "six 2 * 3" in read.words
    assert "€12.50" in read.words
    assert "gone" not in read.words
    assert "https://eat.example/a?b=1&c=2" in read.links
    assert "https://eat.example/r/demo" in read.links
    assert "tel:+34600000000" in read.links
    assert f"https://eat.example/campaign-pictures/{UUID(int=1)}/summer.png" in read.sources
    assert 'alt="A &quot;table&quot;"' in html
    assert "{{ pixel_url }}" in read.sources
    assert "prefers-color-scheme:dark" in html
    assert "<!--[if mso]>" in html
    assert links.numbered == {}


def test_clicks_are_counted_by_number() -> None:
    """Web links become fields, the same address the same number, in HTML and in text; others stay."""
    links = Links(counted=True)
    read = Reading(render_html(document(), scene(), links))
    text = render_text(document(), scene(), links)
    assert links.numbered == {
        1: "https://eat.example/a?b=1&c=2",
        2: "https://eat.example/",
        3: "https://eat.example/r/demo",
        4: "https://eat.example/book",
    }
    assert read.links.count("{{ link_3 }}") == 2
    assert "tel:+34600000000" in read.links
    assert "four ({{ link_1 }})" in text
    assert "https://eat.example/book" not in text


def test_without_tracking_nothing_is_counted() -> None:
    """No pixel, and links as they are."""
    quiet = document(tracking=False)
    html = render_html(quiet, scene(), Links(counted=quiet.tracking))
    assert "pixel_url" not in html
    assert "link_1" not in html


def test_the_footer_is_always_there() -> None:
    """Name, address, reason and the way out, in HTML and in a plain text that somebody wrote by hand."""
    given_text = document(text="Just this.", blocks=(Text(text="x"),))
    for form in (
        render_html(given_text, scene(), Links(counted=True)),
        render_text(given_text, scene(), Links(counted=True)),
    ):
        assert "Trattoria Ñandú" in form
        assert "Calle Mayor 1" in form
        assert "28013 Madrid" in form
        assert "{{ unsubscribe_url }}" in form
        assert "because you agreed to hear from" in form


@given(words=WORDS, name=WORDS, dish=WORDS, value=WORDS)
def test_nothing_but_our_own_tags_comes_out(words: str, name: str, dish: str, value: str) -> None:
    """Whatever stands in any field, menu, name or recipient's value: known tags, known attributes, safe links."""
    line = " ".join(words.split())
    written = Document(
        subjects=(line,),
        preheader=line,
        blocks=(
            Heading(text=line),
            Text(text=words),
            Image(source="files:a.png", alt=words),
            Button(text=line, link="https://eat.example/"),
            Coupon(text=line),
            MenuItems(items=("paella",)),
        ),
        address=words,
        coupon=CouponTerms(kind="percentage", value=1000),
        brand=Brand(),
    )
    if any(True for _ in faults_of(written)):
        written = document(blocks=(MenuItems(items=("paella",)),))
    html = render_html(written, scene(name, dish), Links(counted=True))
    values = dict.fromkeys(["first_name", "name", "email", "coupon_code", "unsubscribe_url", "pixel_url"], value)
    read = Reading(fill_html(html, values | {"link_1": "https://eat.example/c/1", "view_url": "https://eat.example/v"}))
    assert set(read.tags) <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert read.open == []
    # Where a recipient's own page is linked, the value stands in for its address: it has to stay in its place.
    assert {link for link in read.links if not link.startswith(("https://", "tel:"))} <= {value, ""}
    for field in fields_in(html):
        assert is_known(field.name) or is_own(field.name)
    for form in (html, render_text(written, scene(name, dish), Links(counted=True))):
        assert "{{" not in fill(form, dict.fromkeys(["first_name"], "")), form


@given(words=WORDS)
def test_a_text_loses_nothing_but_its_marks(words: str) -> None:
    """All that is no mark, no link's address and no field is still to be read."""
    shown = "".join(run.text for runs in inline.paragraphs(words) for run in runs)
    for character in set(words):
        if character.isalnum() and "](" not in words and "{{" not in words:
            assert character in shown


@given(words=WORDS)
def test_a_link_that_is_rendered_was_looked_at(words: str) -> None:
    """No run leads anywhere that `links_of` did not name: what is checked is what is written."""
    told = set(inline.links_of(words))
    for run in inline.runs(words):
        assert not run.link or run.link in told


def test_a_link_in_a_links_address_is_none() -> None:
    """An address that looks like a link is one address."""
    (run,) = inline.runs("[](https://x.example/a[b](javascript:alert))")
    assert run.text == run.link == "https://x.example/a[b](javascript:alert)"
