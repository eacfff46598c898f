"""Text with a few marks: `**bold**`, `*italic*`, `[words](https://…)`, a backslash before a mark that is none. Pure.

A text becomes runs, each with all its marks, so that whatever is written the HTML is well nested, and nothing but these
four tags can come out. A merge field is a run of its own, in which no mark counts.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from comanda.contexts.campaigns.merge_fields import FIELD

_URL = r"(?P<url>(?:[^()\s{}]|\{\{.*?\}\}|\([^()\s]*\))*)"
_TOKEN = re.compile(
    rf"\\(?P<escaped>[\\*\[\]])|(?P<field>{FIELD.pattern})|(?P<bold>\*\*)|(?P<italic>\*)"
    rf"|\[(?P<label>[^\[\]\n]*)\]\({_URL}\)|(?P<end>\n)"
)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


class Run(NamedTuple):
    """A stretch of text whose marks are the same. `is_field`: it is one merge field as it was written."""

    text: str
    bold: bool = False
    italic: bool = False
    link: str = ""
    is_field: bool = False


def paragraphs(text: str) -> list[list[Run]]:
    """Return the runs of each paragraph; empty lines part paragraphs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return [runs(part) for part in _PARAGRAPHS.split(text) if part.strip()]


def runs(text: str) -> list[Run]:
    """Return the runs of one paragraph, a line break as its own. A mark without its other half is a character."""
    return list(_runs(text, ""))


def fields_and_text(text: str) -> list[Run]:
    """Return the runs of a line in which merge fields count, but no marks."""
    parts, at = [], 0
    for field in FIELD.finditer(text):
        parts += [Run(text[at : field.start()]), Run(_written(field), is_field=True)]
        at = field.end()
    return [part for part in (*parts, Run(text[at:])) if part.text]


def links_of(text: str) -> list[str]:
    """Return where the links of a text lead, in their order."""
    return [found["url"] for found in _TOKEN.finditer(text) if found["label"] is not None]


def html_of(parts: Sequence[Run], link: Callable[[str], str], style: str) -> str:
    """Return runs as HTML.

    Args:
        parts: the runs.
        link: makes the value of `href`, escaped, from where a link leads.
        style: of links, as CSS.
    """
    out = []
    for run in parts:
        words = run.text if run.is_field else "<br>" if run.text == "\n" else escaped(run.text)
        words = f"<em>{words}</em>" if run.italic else words
        words = f"<strong>{words}</strong>" if run.bold else words
        out.append(f'<a href="{link(run.link)}" style="{style}">{words}</a>' if run.link else words)
    return "".join(out)


def text_of(parts: Sequence[Run], link: Callable[[str], str]) -> str:
    """Return runs as plain text; where a link leads stands behind its words."""
    out = []
    for place, run in enumerate(parts):
        out.append(run.text)
        ends = place + 1 == len(parts) or parts[place + 1].link != run.link
        if run.link and ends and run.text != run.link:
            out.append(f" ({link(run.link)})")
    return "".join(out)


def escaped(text: str) -> str:
    """Return text as it may stand in HTML, in an attribute too; no brace of it can begin a merge field."""
    return html.escape(text).replace("{", "&#123;")


def _runs(text: str, link: str) -> Iterator[Run]:
    tokens = list(_TOKEN.finditer(text))
    bold, italic = _paired(tokens, text, "bold"), _paired(tokens, text, "italic")
    is_bold = is_italic = False
    at = 0
    for token in tokens:
        if token.start() > at:
            yield Run(text[at : token.start()], is_bold, is_italic, link)
        at = token.end()
        if token in bold:
            is_bold = not is_bold
        elif token in italic:
            is_italic = not is_italic
        elif token["field"] is not None:
            yield Run(_written(token), is_bold, is_italic, link, is_field=True)
        elif token["label"] is not None:
            inside = _runs(token["label"], token["url"]) if token["label"] else [Run(token["url"], link=token["url"])]
            for run in inside:
                yield run._replace(bold=run.bold or is_bold, italic=run.italic or is_italic)
        else:
            yield Run(token["escaped"] or token[0], is_bold, is_italic, link)
    if at < len(text):
        yield Run(text[at:], is_bold, is_italic, link)


def _written(token: re.Match[str]) -> str:
    """Return a merge field in its one form; what stands in for a missing value is escaped when it is filled in."""
    fallback = (token["fallback"] or "").strip()
    return f"{{{{ {token['name']} | {fallback} }}}}" if fallback else f"{{{{ {token['name']} }}}}"


def _paired(tokens: Sequence[re.Match[str]], text: str, kind: str) -> set[re.Match[str]]:
    """Return the marks of a kind that have another half. One between two spaces (`2 * 3`) is a character."""
    marks = [token for token in tokens if token[kind] is not None and not _lonely(token, text)]
    return set(marks[: len(marks) // 2 * 2])


def _lonely(token: re.Match[str], text: str) -> bool:
    before, after = text[: token.start()][-1:], text[token.end() :][:1]
    return (not before or before.isspace()) and (not after or after.isspace())
