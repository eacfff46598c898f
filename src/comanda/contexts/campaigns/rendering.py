"""A document as HTML and as plain text, both with their merge fields still in them. Pure.

The frame is always there: who writes, where from, why one gets this mail, and how one gets no more of them.
"""

import html
import re
from typing import assert_never

from comanda.contexts.campaigns import inline
from comanda.contexts.campaigns.blocks import CODE, FONT, GUTTER, TABLE, WIDTH, BlockWriter
from comanda.contexts.campaigns.document import (
    Block,
    Button,
    Columns,
    Coupon,
    Divider,
    Document,
    Heading,
    Image,
    MenuItems,
    Spacer,
    Text,
)
from comanda.contexts.campaigns.merge_fields import without_fields
from comanda.contexts.campaigns.scene import Links, Scene
from comanda.web.formats import money

UNSUBSCRIBE = "{{ unsubscribe_url }}"
VIEW = "{{ view_url }}"
PIXEL = "{{ pixel_url }}"

MOST_HTML = 500_000
"""Characters of the HTML. Gmail shows the first 102 kB; more is kept behind a link."""

STYLES = """\
:root{color-scheme:light dark;supported-color-schemes:light dark}
body{margin:0;padding:0;width:100%!important}
@media (max-width:620px){.mail{width:100%!important}.column{max-width:100%!important}}
@media (prefers-color-scheme:dark){.around{background:#14120f!important}.paper{background:#211e1a!important}
.ink{color:#f1ece4!important}.soft,.soft a{color:#b8afa4!important}.line{border-color:#4a443d!important}}
[data-ogsc] .ink{color:#f1ece4!important}[data-ogsb] .paper{background:#211e1a!important}"""
"""For clients that read style sheets: one column on phones, dark colours at night. Others do well without."""

_ROOM = re.compile(r"\n{3,}")


def render_html(document: Document, scene: Scene, links: Links) -> str:
    """Return the mail's HTML, in which only merge fields are left to be filled in.

    `links` takes up the counted links, in the order in which they come.
    """
    brand = document.brand
    writer = BlockWriter(brand, scene, links)
    rows = "".join(writer.block(block) for block in document.blocks)
    name = inline.escaped(scene.restaurant)
    if brand.logo:
        source = inline.escaped(scene.picture(brand.logo))
        head = f'<img src="{source}" alt="{name}" height="48" style="display:inline-block;border:0;height:48px">'
    else:
        head = name
    pixel = ""
    if document.tracking:
        pixel = f'<img src="{PIXEL}" alt="" width="1" height="1" style="display:block;border:0;width:1px;height:1px">'
    soft = f"{FONT};font-size:13px;line-height:20px;color:#6d655d"
    whole = (
        f'<!DOCTYPE html>\n<html lang="{inline.escaped(scene.locale.replace("_", "-"))}">\n<head>\n'
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="supported-color-schemes" content="light dark">\n'
        '<meta name="format-detection" content="telephone=no,date=no,address=no,email=no">\n'
        f"<title>{name}</title>\n<style>\n{STYLES}\n</style>\n</head>\n"
        f'<body class="around" style="margin:0;padding:0;background:{brand.background}">\n{_preheader(document)}'
        f'{TABLE} width="100%" class="around" style="background:{brand.background}"><tr><td align="center" '
        f'style="padding:16px 8px">\n'
        f'<!--[if mso]>{TABLE} width="{WIDTH}"><tr><td><![endif]-->\n'
        f'{TABLE} class="mail" width="{WIDTH}" style="width:100%;max-width:{WIDTH}px">\n'
        f'<tr><td align="right" class="soft" style="padding:0 {GUTTER}px 8px;{soft}">'
        f'<a href="{VIEW}" style="color:#6d655d">View in browser</a></td></tr>\n'
        f'<tr><td>{TABLE} class="paper" width="100%" style="background:{brand.paper};'
        f'border-radius:{brand.rounded}px">\n'
        f'<tr><td align="center" class="ink" style="padding:24px {GUTTER}px 8px;{FONT};font-size:18px;line-height:26px;'
        f'font-weight:700;color:{brand.ink}">{head}</td></tr>\n'
        f'{rows}<tr><td style="height:24px;line-height:24px;font-size:1px">&nbsp;</td></tr>\n</table></td></tr>\n'
        f'<tr><td align="center" class="soft" style="padding:16px {GUTTER}px;{soft}">'
        f"{_foot(document, scene)}</td></tr>\n"
        f"</table>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n{pixel}</body>\n</html>\n"
    )
    if len(whole) > MOST_HTML:
        raise ValueError(f"The mail is too long: {MOST_HTML} characters of HTML are the most.")
    return whole


def render_text(document: Document, scene: Scene, links: Links) -> str:
    """Return the mail's plain text: what was given, or what the blocks say; the frame stands below in either case."""
    if document.text.strip():
        body = document.text.strip()
    else:
        body = "\n\n".join(part for part in (_block_text(each, scene, links) for each in document.blocks) if part)
    body = _ROOM.sub("\n\n", body.replace("\r\n", "\n").replace("\r", "\n"))
    address = without_fields("\n".join(document.address.splitlines()))
    return (
        f"{body}\n\n-- \n{without_fields(scene.restaurant)}\n{address}\n\n"
        f"{_why(without_fields(scene.restaurant))}\nUnsubscribe: {UNSUBSCRIBE}\nView in browser: {VIEW}\n"
    )


def _preheader(document: Document) -> str:
    if not document.preheader.strip():
        return ""
    words = inline.html_of(inline.fields_and_text(document.preheader), html.escape, "")
    # The rest of the line is filled up, or mail clients show the beginning of the mail behind it.
    room = "&#847;&zwnj;&nbsp;" * 60
    hidden = (
        "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all;font-size:1px;line-height:1px"
    )
    return f'<div style="{hidden}">{words}{room}</div>\n'


def _foot(document: Document, scene: Scene) -> str:
    name = inline.escaped(scene.restaurant)
    address = "<br>".join(inline.escaped(line.strip()) for line in document.address.splitlines() if line.strip())
    link = "color:#6d655d;text-decoration:underline"
    return (
        f"<strong>{name}</strong><br>{address}<br><br>{_why(name)}<br>"
        f'<a href="{UNSUBSCRIBE}" style="{link}">Unsubscribe</a>'
    )


def _why(restaurant: str) -> str:
    return f"You get this mail at {{{{ email }}}} because you agreed to hear from {restaurant}."


def _block_text(block: Block, scene: Scene, links: Links) -> str:  # noqa: PLR0911 - one for each kind
    match block:
        case Heading():
            mark = "=" if block.level == 1 else "-"
            return f"{block.text}\n{mark * min(len(block.text), 60)}"
        case Text():
            return "\n\n".join(inline.text_of(runs, links.text) for runs in inline.paragraphs(block.text))
        case Image():
            shown = without_fields(block.alt)
            return f"[{shown}]{f' {links.text(block.link)}' if block.link else ''}" if shown else ""
        case Button():
            return f"{block.text}: {links.text(block.link)}"
        case Coupon():
            order = links.text(block.link or scene.menu_url)
            return f"{block.text}{chr(10) if block.text else ''}{CODE}\nOrder now: {order}"
        case MenuItems():
            return _menu_text(block, scene, links)
        case Columns():
            both = (_block_text(each, scene, links) for each in (*block.left, *block.right))
            return "\n\n".join(part for part in both if part)
        case Divider():
            return "-" * 40
        case Spacer():
            return ""
    assert_never(block)


def _menu_text(block: MenuItems, scene: Scene, links: Links) -> str:
    lines = []
    for item in block.items:
        dish = scene.dishes.get(item)
        if dish is not None:
            lines.append(f"- {without_fields(dish.name)}, {money(dish.price, scene.currency, scene.locale)}")
    return "\n".join([*lines, links.text(block.link or scene.menu_url)])
