"""Blocks as HTML that mail clients show: tables, styles at each element, 600 pixels, one column on phones. Pure.

Whatever comes from a marketer, a menu or a restaurant goes through `inline.escaped` or `inline.html_of`; the styles are
made of checked colours and numbers only.
"""

from typing import assert_never

from comanda.contexts.campaigns import inline
from comanda.contexts.campaigns.document import (
    Block,
    Brand,
    Button,
    Columns,
    Coupon,
    Divider,
    Heading,
    Image,
    MenuItems,
    SimpleBlock,
    Spacer,
    Text,
)
from comanda.contexts.campaigns.scene import Links, Scene
from comanda.web.formats import money

FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
WIDTH = 600
GUTTER = 24
"""Pixels left and right of what is written."""
TABLE = '<table role="presentation" cellpadding="0" cellspacing="0" border="0"'
CODE = "{{ coupon_code }}"

_SIZES = {1: (28, 36), 2: (22, 30), 3: (18, 26)}


class BlockWriter:
    """Writes the blocks of one mail."""

    def __init__(self, brand: Brand, scene: Scene, links: Links) -> None:
        self._brand = brand
        self._scene = scene
        self._links = links

    def block(self, block: Block) -> str:
        """Return a block as rows of the mail's table."""
        if isinstance(block, Columns):
            return self._columns(block)
        return self._simple(block, WIDTH)

    def _simple(self, block: SimpleBlock, width: int) -> str:  # noqa: PLR0911 - one for each kind of block
        match block:
            case Heading():
                return self._heading(block)
            case Text():
                return self._text(block)
            case Image():
                return self._image(block, width)
            case Button():
                return _row(self._button(block.text, block.link), f"padding:12px {GUTTER}px", block.align)
            case Coupon():
                return self._coupon(block)
            case MenuItems():
                return self._menu(block)
            case Divider():
                line = '<div class="line" style="border-top:1px solid #d9d4cc;font-size:0;line-height:0">&nbsp;</div>'
                return _row(line, f"padding:16px {GUTTER}px")
            case Spacer():
                return _row("&nbsp;", f"height:{block.height}px;line-height:{block.height}px;font-size:1px")
        assert_never(block)

    def _heading(self, block: Heading) -> str:
        size, line = _SIZES[block.level]
        words = inline.html_of(_plain(block.text), self._links.html, "")
        style = f"margin:0;{FONT};font-size:{size}px;line-height:{line}px;font-weight:700;color:{self._brand.ink}"
        heading = f'<h{block.level} class="ink" style="{style}">{words}</h{block.level}>'
        return _row(heading, f"padding:16px {GUTTER}px 8px", block.align)

    def _text(self, block: Text) -> str:
        style = f"margin:0 0 12px;{FONT};font-size:16px;line-height:25px;color:{self._brand.ink}"
        link = f"color:{self._brand.accent};text-decoration:underline"
        written = "".join(
            f'<p class="ink" style="{style}">{inline.html_of(runs, self._links.html, link)}</p>'
            for runs in inline.paragraphs(block.text)
        )
        return _row(written, f"padding:8px {GUTTER}px 0", block.align)

    def _image(self, block: Image, width: int) -> str:
        shown = min(block.width, width)
        picture = (
            f'<img src="{inline.escaped(self._scene.picture(block.source))}" alt="{inline.escaped(block.alt)}" '
            f'width="{shown}" style="display:block;border:0;width:100%;max-width:{shown}px;height:auto;{FONT};'
            f'font-size:14px;color:{self._brand.ink}">'
        )
        if block.link:
            picture = f'<a href="{self._links.html(block.link)}" style="text-decoration:none">{picture}</a>'
        return _row(picture, "padding:0" if shown == WIDTH else f"padding:8px {GUTTER}px", "center")

    def _button(self, text: str, link: str) -> str:
        brand = self._brand
        words = inline.html_of(_plain(text), self._links.html, "")
        # The cell's colour and the link's padding make a button in clients that know nothing of rounded corners too.
        return (
            f'{TABLE} style="display:inline-table"><tr><td bgcolor="{brand.accent}" style="border-radius:'
            f'{brand.rounded}px;background:{brand.accent}"><a href="{self._links.html(link)}" style="display:'
            f"inline-block;padding:14px 28px;{FONT};font-size:16px;line-height:20px;font-weight:600;"
            f'color:{brand.on_accent};text-decoration:none;border-radius:{brand.rounded}px">{words}</a></td></tr></table>'
        )

    def _coupon(self, block: Coupon) -> str:
        brand = self._brand
        words = inline.html_of(_plain(block.text), self._links.html, "")
        above = f'<div class="ink" style="{FONT};font-size:16px;line-height:24px;color:{brand.ink}">{words}</div>'
        code = (
            f'<div style="padding:8px 0 12px;font-family:Consolas,Menlo,monospace;font-size:24px;line-height:32px;'
            f'font-weight:700;letter-spacing:2px;color:{brand.accent}">{CODE}</div>'
        )
        button = self._button("Order now", block.link or self._scene.menu_url)
        framed = (
            f'{TABLE} width="100%"><tr><td align="center" style="padding:20px;border:2px dashed {brand.accent};'
            f'border-radius:{brand.rounded}px">{above if block.text else ""}{code}{button}</td></tr></table>'
        )
        return _row(framed, f"padding:12px {GUTTER}px", "center")

    def _menu(self, block: MenuItems) -> str:
        link = self._links.html(block.link or self._scene.menu_url)
        ink, accent = self._brand.ink, self._brand.accent
        rows = []
        for item in block.items:
            dish = self._scene.dishes.get(item)
            if dish is None:
                continue
            price = inline.escaped(money(dish.price, self._scene.currency, self._scene.locale))
            about = (
                f'<div class="soft" style="{FONT};font-size:14px;line-height:20px;color:#6d655d">'
                f"{inline.escaped(dish.description)}</div>"
            )
            rows.append(
                f'<tr><td align="left" valign="top" style="padding:8px 12px 8px 0"><a href="{link}" class="ink" '
                f'style="{FONT};font-size:16px;line-height:24px;font-weight:600;color:{ink};text-decoration:none">'
                f"{inline.escaped(dish.name)}</a>{about if dish.description else ''}</td>"
                f'<td align="right" valign="top" style="padding:8px 0;{FONT};font-size:16px;line-height:24px;'
                f'white-space:nowrap;color:{accent}">{price}</td></tr>'
            )
        return _row(f'{TABLE} width="100%">{"".join(rows)}</table>', f"padding:8px {GUTTER}px")

    def _columns(self, block: Columns) -> str:
        half = WIDTH // 2
        sides = [
            f'<div class="column" style="display:inline-block;width:100%;max-width:{half}px;vertical-align:top">'
            f'{TABLE} width="100%">{"".join(self._simple(each, half) for each in side)}</table></div>'
            for side in (block.left, block.right)
        ]
        # Outlook on Windows knows no inline blocks: only it reads what stands in these comments.
        between = f'<!--[if mso]></td><td width="{half}" valign="top"><![endif]-->'
        whole = (
            f'<!--[if mso]>{TABLE} width="{WIDTH}"><tr><td width="{half}" valign="top"><![endif]-->'
            f"{between.join(sides)}<!--[if mso]></td></tr></table><![endif]-->"
        )
        return _row(whole, "padding:0;font-size:0", "center")


def _row(content: str, style: str, align: str = "left") -> str:
    return f'<tr><td align="{align}" style="{style}">{content}</td></tr>\n'


def _plain(text: str) -> list[inline.Run]:
    """Return the runs of a line in which only merge fields count, and no marks."""
    return inline.fields_and_text(text)
