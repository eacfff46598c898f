"""Composing: a campaign compiled once, and each recipient's mail filled in without asking anybody.

All that makes a mail a campaign's stands here: List-Unsubscribe with its one click (RFC 8058), List-Id, a return
address of each recipient's own (VERP), a Message-ID that names campaign and recipient, and the links that are counted.
"""

import html
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from comanda.contexts.campaigns import campaign_store as store
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.compiling import CampaignCompiler, CampaignSender, Rendered
from comanda.contexts.campaigns.merge_fields import fields_in, one_line, values_of
from comanda.contexts.campaigns.recipient import Recipient
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.mail import MailAddress
from comanda.mail.dkim import DkimKey, DkimSigner
from comanda.mail.returns.marks import Marks
from comanda.mail.template import MailTemplate, Parts, Slot

MOST_KEPT = 16
"""Compiled campaigns that a process remembers."""


class Signing(NamedTuple):
    """With which key campaigns are signed, and under which name its other half stands in DNS."""

    key: DkimKey
    selector: str


class ComposedCampaign:
    """A campaign, compiled. See `recipient.Composed`."""

    def __init__(
        self,
        row: CampaignRow,
        rendered: Rendered,
        sender: CampaignSender,
        *,
        marks: Marks,
        signing: Signing | None,
        date: datetime,
    ) -> None:
        self._number = row.number
        self._rendered = rendered
        self._marks = marks
        self._domain = sender.address.domain
        self._public_url = rendered.scene.public_url
        self._has_coupon = rendered.document.coupon is not None
        signer = None if signing is None else DkimSigner(self._domain, signing.selector, signing.key)
        text, html_parts = parts_of(rendered.text), parts_of(rendered.html, escaped=True)
        headers: dict[str, Parts] = {
            "List-Id": [f"<{rendered.scene.slug}.campaigns.{self._domain}>"],
            "List-Unsubscribe": ["<", Slot("unsubscribe_url"), ">"],
            "List-Unsubscribe-Post": ["List-Unsubscribe=One-Click"],
            "Feedback-ID": [f"{row.number}:{rendered.scene.slug}:campaign:comanda"],
        }
        self._templates = [
            MailTemplate(
                sender=sender.address,
                reply_to=sender.reply_to,
                subject=parts_of(subject),
                text=text,
                html=html_parts,
                headers=headers,
                date=date,
                signer=signer,
            )
            for subject in rendered.document.subjects
        ]
        texts = (rendered.text, rendered.html, *rendered.document.subjects)
        self._fields = frozenset(field.name for text in texts for field in fields_in(text))
        self.sender_key = sender.address.email

    def envelope_sender(self, to: Recipient) -> str:
        """Return where this recipient's mail comes back to if it does."""
        return self._marks.bounce_address(self._number, to.number, self._domain)

    def build(self, to: Recipient) -> bytes:
        """Return the whole mail, with CRLF, signed where that is wanted."""
        scene = self._rendered.scene
        values = values_of(
            to,
            restaurant=scene.restaurant,
            locale=scene.locale,
            only=self._fields,
        )
        values |= self.own_values(to.number)
        template = self._templates[min(to.variant, len(self._templates) - 1)]
        message_id = self._marks.message_id(self._number, to.number, self._domain)
        return template.build(values, to=MailAddress(to.email, one_line(to.name)), message_id=message_id)

    def own_values(self, recipient: int) -> dict[str, str]:
        """Return the addresses that lead from this recipient's mail to us."""
        number, marks, url = self._number, self._marks, self._public_url
        leave = marks.unsubscribe(number, recipient)
        values = {"unsubscribe_url": f"{url}/u/{leave}", "view_url": f"{url}/v/{leave}"}
        if self._has_coupon:
            values["coupon_code"] = marks.coupon(number, recipient)
        if self._rendered.document.tracking:
            values["pixel_url"] = f"{url}/p/{marks.open(number, recipient)}.gif"
            for link in self._rendered.links:
                values[f"link_{link}"] = f"{url}/c/{marks.click(number, recipient, link)}"
        return values


class CampaignComposer:
    """Compiles campaigns, and remembers them by their version. See `recipient.Composer`."""

    def __init__(
        self,
        database: Database,
        compiler: CampaignCompiler,
        *,
        marks: Marks,
        signing: Signing | None,
        clock: Clock,
    ) -> None:
        self._database = database
        self._compiler = compiler
        self._marks = marks
        self._signing = signing
        self._clock = clock
        self._kept: OrderedDict[tuple[int, int], ComposedCampaign] = OrderedDict()

    async def composed(self, campaign: int) -> ComposedCampaign:
        """Return the campaign, compiled. Raises `Refused` when it is not there or cannot be compiled."""
        row = await store.one(self._database, campaign)
        if row is None:
            raise Refused("There is no such campaign.", kind="not_found", code="campaign-unknown")
        key = (campaign, row.version)
        kept = self._kept.get(key)
        if kept is None:
            rendered = await self._compiler.rendered(row)
            sender = await self._compiler.sender(row.restaurant_id)
            date = row.started_at or self._clock.now()
            kept = ComposedCampaign(row, rendered, sender, marks=self._marks, signing=self._signing, date=date)
            self._kept[key] = kept
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept


def parts_of(text: str, *, escaped: bool = False) -> list[str | Slot]:
    """Return a text's parts: what stands in it, and a slot for each merge field.

    `escaped` is whether the text is HTML, in which fallbacks are escaped already; a template escapes what goes into its
    slots itself.
    """
    return list(_parts(text, escaped=escaped))


def _parts(text: str, *, escaped: bool) -> Iterator[str | Slot]:
    at = 0
    for field in fields_in(text):
        if field.start > at:
            yield text[at : field.start]
        yield Slot(field.name, html.unescape(field.fallback) if escaped else field.fallback)
        at = field.end
    if at < len(text):
        yield text[at:]
