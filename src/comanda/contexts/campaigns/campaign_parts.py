"""What pages, API and the terminal can do with campaigns, as one value, and the doing that a terminal needs."""

from dataclasses import dataclass
from uuid import UUID

from comanda.contexts.campaigns.campaign_figures import Figures, figures_of
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaign_toml import CampaignFile
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.drafting import refused
from comanda.contexts.campaigns.previewing import Previews
from comanda.contracts.catalog import Restaurant, RestaurantReader
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import FieldError, Refused

AUDIENCE = "SELECT id FROM campaigns.audiences WHERE restaurant_id = $1 AND name = $2"
RESTAURANT_OF = "SELECT restaurant_id FROM campaigns.campaigns WHERE number = $1"


@dataclass(frozen=True, kw_only=True)
class CampaignParts:
    """Campaigns, wired."""

    database: Database
    restaurants: RestaurantReader
    campaigns: Campaigns
    compiler: CampaignCompiler
    previews: Previews
    clock: Clock

    async def create(self, file: CampaignFile) -> CampaignRow:
        """Keep what a file says, and schedule it where the file says when; raises `Refused` with places."""
        restaurant = await self._restaurant(file.restaurant)
        audience_id: UUID | None = None
        if file.audience:
            audience_id = await self.database.fetch_value(AUDIENCE, restaurant.id, file.audience)
            if audience_id is None:
                raise refused([FieldError("audience", f"There is no audience called {file.audience}.")])
        row = await self.campaigns.create(restaurant.id, file.draft(audience_id))
        if file.send_at is None:
            return row
        return await self.campaigns.schedule(restaurant.id, row.number, file.send_at, by_zone=file.by_zone)

    async def restaurant_of(self, number: int) -> UUID:
        """Return whose campaign it is; raises `Refused` (not found)."""
        found: UUID | None = None
        if 0 < number < 2**31:
            found = await self.database.fetch_value(RESTAURANT_OF, number)
        if found is None:
            raise Refused(f"There is no campaign {number}.", kind="not_found", code="campaign-unknown")
        return found

    async def figures(self, number: int) -> Figures:
        """Return how a campaign is getting on; raises `Refused` (not found)."""
        row = await self.campaigns.one(await self.restaurant_of(number), number)
        return await figures_of(self.database, row, self.clock.now())

    async def _restaurant(self, slug: str) -> Restaurant:
        if not slug:
            listed = await self.restaurants.listed(2)
            if len(listed) != 1:
                raise refused([FieldError("restaurant", "Say which restaurant's it is, by its slug.")])
            slug = listed[0].slug
        restaurant = await self.restaurants.by_slug(slug)
        if restaurant is None:
            raise refused([FieldError("restaurant", f"There is no restaurant {slug}.")])
        return restaurant
