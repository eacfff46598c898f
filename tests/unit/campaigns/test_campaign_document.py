"""A campaign's document: what can be kept, and that every fault is told with its place."""

from typing import Any

import pytest

from comanda.contexts.campaigns.document import Document, Image, document_of, gaps_of, values_of_document
from comanda.contexts.campaigns.web_links import link_of, picture_of
from comanda.engine.errors import Refused

WHOLE: dict[str, Any] = {
    "subjects": ["{{ first_name | Hello }}, summer is here", "Summer"],
    "preheader": "A new menu",
    "blocks": [
        {"type": "heading", "text": "Summer", "level": 1},
        {"type": "text", "text": "Dear **{{ first_name | guest }}**, [look](https://eat.example/menu)."},
        {"type": "image", "source": "files:summer.png", "alt": "A table", "link": "https://eat.example/"},
        {"type": "coupon", "text": "For you"},
        {"type": "menu", "items": ["paella"]},
        {"type": "divider"},
        {"type": "spacer", "height": 12},
        {
            "type": "columns",
            "left": [{"type": "button", "text": "Call", "link": "tel:+34600000000"}],
            "right": [{"type": "text", "text": "or write"}],
        },
    ],
    "address": "Calle Mayor 1\n28013 Madrid",
    "coupon": {"kind": "percentage", "value": 1000},
}


def refused(**changes: Any) -> dict[str, str]:
    """Return what is told of a document with these changes: message by place."""
    with pytest.raises(Refused) as told:
        document_of(WHOLE | changes)
    assert told.value.kind == "invalid"
    return {fault.path: fault.message for fault in told.value.fields}


def test_a_whole_document_comes_back_the_same() -> None:
    """What was read is written as it was, and read again."""
    document = document_of(WHOLE)
    assert document_of(values_of_document(document)) == document
    assert list(gaps_of(document)) == []


def test_what_a_draft_may_lack_is_told_at_the_start() -> None:
    """An empty draft is kept, and what it lacks has its places."""
    assert {gap.path for gap in gaps_of(document_of({}))} == {"subjects.0", "blocks", "address"}


def test_unknown_merge_fields_are_told_with_their_place() -> None:
    """Also in columns, and with the name that was probably meant."""
    text = {"type": "text", "text": "{{ frist_name }}"}
    told = refused(
        subjects=["Hi", "{{ name | you }} {{ nmae }}"],
        blocks=[{"type": "columns", "left": [], "right": [text]}],
    )
    assert set(told) == {"subjects.1", "blocks.0.right.0.text"}
    assert "did you mean first_name?" in told["blocks.0.right.0.text"]


@pytest.mark.parametrize(
    "text", ["{{ }}", "{{ name", "{{ name | a | b }}", "{{ name | <b> }}", "{{{name}}", "{{ unsubscribe_url }}"]
)
def test_what_looks_like_a_field_and_is_none_is_told(text: str) -> None:
    """Nobody gets a mail that says `{{ name`; and the frame's own fields are not for everybody to write."""
    assert set(refused(preheader=text)) == {"preheader"}


def test_a_custom_attribute_is_known() -> None:
    """Any attribute can be said, with a fallback."""
    preheader = "{{ attributes.favourite-dish | paella }}"
    assert document_of(WHOLE | {"preheader": preheader}).preheader == preheader


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        " https://eat.example",
        "https://",
        "//eat.example",
        "data:text/html,x",
        "https://a@evil.example/",
        'https://eat.example/"onclick="x',
        "https://eat.example/\n",
        "https://eat.example/{{ name }}",
        "ftp://eat.example",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
    ],
)
def test_a_link_that_could_harm_is_refused_everywhere(link: str) -> None:
    """In a button, behind a picture, and in a text where it is read as a link at all."""
    told = refused(
        blocks=[
            {"type": "button", "text": "x", "link": link},
            {"type": "image", "source": "files:a.png", "link": link},
        ]
    )
    assert set(told) == {"blocks.0.link", "blocks.1.link"}


def test_a_link_in_a_text_is_looked_at() -> None:
    """Also one that hides in the address of another, and one with a field in it."""
    texts = ["[a](javascript:x)", "**[a](data:x)**", "[a](https://x.example/{{ name }})"]
    told = refused(blocks=[{"type": "text", "text": text} for text in texts])
    assert set(told) == {"blocks.0.text", "blocks.1.text", "blocks.2.text"}


def test_links_are_brought_into_ascii() -> None:
    """A redirect's address and a header hold no other characters."""
    assert link_of("HTTPS://ñandú.example/menú?q=a%20b") == "https://xn--and-6ma2c.example/men%C3%BA?q=a%20b"
    assert link_of("mailto:ana@eat.example?subject=Hi") == "mailto:ana@eat.example?subject=Hi"


@pytest.mark.parametrize("source", ["files:../x.png", "files:a.svg", "http://x.example/a.png", "files:/a.png", "cid:a"])
def test_a_picture_comes_from_the_store_or_by_https(source: str) -> None:
    """And no name leads out of the store."""
    with pytest.raises(ValueError, match="picture"):
        picture_of(source)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"brand": {"accent": "red;background:url(x)"}}, "brand.accent"),
        ({"blocks": [{"type": "heading", "text": "x", "level": 9}]}, "blocks.0.level"),
        ({"blocks": [{"type": "script", "text": "x"}]}, "blocks.0.type"),
        ({"subjects": ["a\r\nBcc: b@example.com"]}, "subjects.0"),
        ({"subjects": []}, "subjects"),
        ({"subjects": ["1", "2", "3", "4", "5"]}, "subjects"),
        ({"coupon": None}, "blocks.3"),
        ({"coupon": {"kind": "percentage", "value": 10_001}}, "coupon.value"),
        ({"coupon": {"kind": "free_item"}}, "coupon.item_id"),
        ({"text": "a\0b"}, "document"),
        ({"unknown": 1}, "document"),
    ],
)
def test_faults_have_places(changes: dict[str, Any], place: str) -> None:
    """Each of these is told where it stands."""
    assert place in refused(**changes)


def test_limits_are_the_structs_own() -> None:
    """A document built in code holds what one from JSON holds."""
    assert Document().subjects == ("",)
    assert Image(source="files:a.png").width == 600
