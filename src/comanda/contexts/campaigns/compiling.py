"""A campaign made ready to be filled in: its document rendered in its restaurant's scene, and from whom it is."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.campaigns import campaign_store as store
from comanda.contexts.campaigns.campaign_store import CampaignRow, SenderRow
from comanda.contexts.campaigns.document import Document, document_of
from comanda.contexts.campaigns.merge_fields import one_line
from comanda.contexts.campaigns.rendering import render_html, render_text
from comanda.contexts.campaigns.scene import Links, Scene, scene_of
from comanda.contracts.catalog import RestaurantReader
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused, SettingError
from comanda.mail import BadMessage, MailAddress


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its merge fields still in it; `links` are the counted ones by number."""

    document: Document
    scene: Scene
    html: str
    text: str
    links: dict[int, str]


class CampaignSender(NamedTuple):
    """From whom a campaign is, and where answers go where that is another address."""

    address: MailAddress
    reply_to: MailAddress | None


class CampaignCompiler:
    """Renders campaigns.

    Args:
        public_url: where guests reach us.
        sender: from whom campaigns are where the restaurant has named nobody: an address, with or without a name.
    """

    def __init__(self, *, database: Database, restaurants: RestaurantReader, public_url: str, sender: str) -> None:
        self._database = database
        self._restaurants = restaurants
        self._public_url = public_url.rstrip("/")
        self._sender = MailAddress.parse(sender)

    async def scene(self, restaurant_id: UUID) -> Scene:
        """Return a restaurant's scene; raises `Refused` (not found)."""
        restaurant = await self._restaurants.by_id(restaurant_id)
        if restaurant is None:
            raise Refused("The restaurant has no published menu.", kind="not_found", code="restaurant-unknown")
        return scene_of(restaurant, self._public_url)

    async def zone(self, restaurant_id: UUID) -> str:
        """Return a restaurant's time zone; raises `Refused` (not found)."""
        return (await self.scene(restaurant_id)).timezone

    async def sender(self, restaurant_id: UUID) -> CampaignSender:
        """Return from whom a restaurant's campaigns are; raises `Refused` (invalid) for what is no address."""
        row = await store.sender(self._database, restaurant_id)
        if row is None:
            scene = await self.scene(restaurant_id)
            return CampaignSender(MailAddress(self._sender.email, one_line(scene.restaurant)), None)
        return checked_sender(row)

    async def put_sender(self, tx: Transaction, restaurant_id: UUID, row: SenderRow) -> None:
        """Keep from whom a restaurant's campaigns are; raises `Refused` (invalid)."""
        checked_sender(row)
        await store.put_sender(tx, restaurant_id, row)

    async def rendered(self, row: CampaignRow, *, plain_links: bool = False) -> Rendered:
        """Return a campaign rendered; raises `Refused` (invalid).

        Args:
            row: the campaign.
            plain_links: no link is counted and there is no pixel: for a preview.
        """
        document = document_of(row.document)
        scene = await self.scene(row.restaurant_id)
        if plain_links:
            document = msgspec.structs.replace(document, tracking=False)
        links = Links(counted=document.tracking)
        try:
            html, text = render_html(document, scene, links), render_text(document, scene, links)
        except ValueError as error:
            fault = FieldError("document.blocks", str(error))
            raise Refused(str(error), kind="invalid", code="campaign-invalid", fields=[fault]) from error
        return Rendered(document=document, scene=scene, html=html, text=text, links=links.numbered)

    async def compiled_links(self, row: CampaignRow) -> dict[int, str]:
        """Return the counted links by number; raises `Refused` (invalid) where no mail can be made of it."""
        await self.sender(row.restaurant_id)
        return (await self.rendered(row)).links


def checked_sender(row: SenderRow) -> CampaignSender:
    """Return the sender that a row names; raises `Refused` (invalid)."""
    path = "email"
    try:
        address = MailAddress(row.email, row.name).checked("From")
        path = "reply_to"
        reply_to = MailAddress(row.reply_to).checked("Reply-To") if row.reply_to else None
    except (BadMessage, SettingError) as error:
        raise Refused(
            str(error), kind="invalid", code="sender-invalid", fields=[FieldError(path, str(error))]
        ) from error
    return CampaignSender(address, reply_to)
