"""Campaigns looked at before they go out: with real customers on a page, and as a test mail to the staff."""

from collections.abc import Sequence
from typing import Any

import msgspec

from comanda.contexts.campaigns.campaign_ports import AudienceReader, Person
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.compiling import CampaignCompiler, Rendered
from comanda.contexts.campaigns.merge_fields import fill, fill_html, one_line, values_of
from comanda.engine.clock import Clock
from comanda.engine.errors import FieldError, Refused
from comanda.engine.ids import Ids
from comanda.mail import BadMessage, Courier, MailAddress, MailError, MailMessage

MOST_ADDRESSES = 10
"""Addresses that a test mail goes to at once."""

SAMPLE_CODE = "SAMPLE-CODE"
"""Stands for a coupon's code where there is no recipient yet."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as one customer would get it.

    Attributes:
        subject, preheader, text, html: filled in.
        email, name: the customer's; empty where nobody is in the audience.
        position: the customer's place in the sample, from 0; `people` is how many there are.
        variants: how many subjects there are.
    """

    subject: str
    preheader: str
    text: str
    html: str
    sender: str
    email: str
    name: str
    position: int
    people: int
    variants: int


class TriedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test mail to one address."""

    email: str
    accepted: bool
    answer: str


class _Nobody(msgspec.Struct, frozen=True, kw_only=True):
    """Stands for a customer of whom nothing is known, so that every fallback shows."""

    email: str = "guest@example.com"
    name: str = ""
    attributes: dict[str, Any] = {}
    orders: int = 0
    last_order_at: None = None


class Previews:
    """Shows campaigns, and sends test mails through the ordinary courier."""

    def __init__(
        self, *, compiler: CampaignCompiler, audiences: AudienceReader, courier: Courier, clock: Clock, ids: Ids
    ) -> None:
        self._compiler = compiler
        self._audiences = audiences
        self._courier = courier
        self._clock = clock
        self._ids = ids

    async def preview(self, row: CampaignRow, *, position: int = 0, variant: int = 0) -> Preview:
        """Return the campaign as the customer at `position` of its audience would get it, with its links as they are.

        Past the end of the audience it is the last customer; with nobody in it, somebody of whom nothing is known.
        """
        rendered = await self._compiler.rendered(row, plain_links=True)
        people, position, person = await self._person(row, position)
        sender = await self._compiler.sender(row.restaurant_id)
        values = _values(rendered, person or _Nobody())
        subjects = rendered.document.subjects
        return Preview(
            subject=one_line(fill(subjects[_variant(subjects, variant)], values)),
            preheader=fill(rendered.document.preheader, values),
            text=fill(rendered.text, values),
            html=fill_html(rendered.html, values),
            sender=f"{sender.address.name} <{sender.address.email}>",
            email="" if person is None else person.email,
            name="" if person is None else person.name,
            position=position,
            people=people,
            variants=len(subjects),
        )

    async def send_test(
        self, row: CampaignRow, addresses: Sequence[str], *, position: int = 0, variant: int = 0
    ) -> list[TriedAddress]:
        """Send the campaign, as the customer at `position` would get it, to other addresses; the subject says so.

        Raises `Refused` (invalid) for no address, too many, or what is none.
        """
        to = [_checked(address, place) for place, address in enumerate(addresses)]
        if not 0 < len(to) <= MOST_ADDRESSES:
            raise _refused("addresses", f"A test mail goes to 1 to {MOST_ADDRESSES} addresses.")
        preview = await self.preview(row, position=position, variant=variant)
        sender = await self._compiler.sender(row.restaurant_id)
        await self._courier.start()
        return [await self._send(preview, sender.address, address) for address in to]

    async def _send(self, preview: Preview, sender: MailAddress, to: MailAddress) -> TriedAddress:
        try:
            message = MailMessage(
                sender=sender,
                to=(to,),
                subject=f"[Test] {preview.subject}",
                text=preview.text,
                html=preview.html,
                message_id=f"<campaign-test-{self._ids.new()}@{sender.domain}>",
                date=self._clock.now(),
                headers={"Auto-Submitted": "auto-generated"},
            )
            accepted = await self._courier.send(message)
        except MailError as error:
            return TriedAddress(email=to.email, accepted=False, answer=str(error))
        return TriedAddress(email=to.email, accepted=True, answer=accepted.answer)

    async def _person(self, row: CampaignRow, position: int) -> tuple[int, int, Person | None]:
        conditions = row.conditions
        if row.state in {"draft", "scheduled"} and row.audience_id is not None:
            conditions = await self._audiences.conditions_of(row.restaurant_id, row.audience_id)
        if conditions is None:
            return 0, 0, None
        people = await self._audiences.count(row.restaurant_id, conditions)
        if not people:
            return 0, 0, None
        position = max(0, min(position, people - 1))
        found = await self._audiences.sample(row.restaurant_id, conditions, offset=position, most=1)
        return people, position, found[0] if found else None


def _values(rendered: Rendered, person: Person | _Nobody) -> dict[str, str]:
    scene = rendered.scene
    values = values_of(person, restaurant=scene.restaurant, coupon_code=SAMPLE_CODE, locale=scene.locale)
    return values | {"unsubscribe_url": f"{scene.public_url}/", "view_url": f"{scene.public_url}/"}


def _variant(subjects: Sequence[str], variant: int) -> int:
    if not 0 <= variant < len(subjects):
        raise _refused("variant", f"There are {len(subjects)} subjects.")
    return variant


def _checked(address: str, place: int) -> MailAddress:
    try:
        return MailAddress(address.strip()).checked("To")
    except BadMessage as error:
        raise _refused(f"addresses.{place}", str(error)) from error


def _refused(path: str, message: str) -> Refused:
    return Refused(message, kind="invalid", code="preview-invalid", fields=[FieldError(path, message)])
