"""What a document is rendered in: the restaurant, its dishes, where pictures are, and the numbers of links. Pure."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.inline import escaped
from comanda.contexts.campaigns.web_links import FILES, link_of, picture_of
from comanda.contracts.catalog import Restaurant

PICTURES = "/campaign-pictures"
"""Below this path of the public address a restaurant's `files:` pictures are served."""

MOST_LINKS = 32_000
"""Links of one campaign: a number has to fit a smallint."""


class Dish(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the menu; `price` in minor units."""

    name: str
    price: int
    description: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where a campaign is from.

    Attributes:
        public_url: where guests reach us, without a slash at its end.
        dishes: of the published menu, by id.
    """

    restaurant_id: UUID
    restaurant: str
    slug: str
    locale: str
    timezone: str
    currency: str
    public_url: str
    dishes: Mapping[str, Dish]

    @property
    def menu_url(self) -> str:
        """Where the restaurant's menu is."""
        return f"{self.public_url}/r/{self.slug}"

    def picture(self, source: str) -> str:
        """Return where a picture can be fetched."""
        source = picture_of(source)
        if source.startswith(FILES):
            return f"{self.public_url}{PICTURES}/{self.restaurant_id}/{source.removeprefix(FILES)}"
        return source


def scene_of(restaurant: Restaurant, public_url: str) -> Scene:
    """Return the scene of a restaurant's campaigns."""
    items = (item for category in restaurant.menu.categories for item in category.items)
    return Scene(
        restaurant_id=restaurant.id,
        restaurant=restaurant.name,
        slug=restaurant.slug,
        locale=restaurant.locale,
        timezone=restaurant.timezone,
        currency=restaurant.currency,
        public_url=public_url.rstrip("/"),
        dishes={item.id: Dish(name=item.name, price=item.price, description=item.description) for item in items},
    )


class Links:
    """The links of one campaign, numbered from 1 in the order in which they first come.

    Args:
        counted: whether clicks are counted: then a link stands in the mail as the merge field `link_N`, to be filled
            with a recipient's own address that leads on.
    """

    def __init__(self, *, counted: bool) -> None:
        self._counted = counted
        self._numbers: dict[str, int] = {}

    def text(self, url: str) -> str:
        """Return what stands in a plain text for a link."""
        url = link_of(url)
        if not self._counted or not url.startswith("http"):
            return url
        number = self._numbers.setdefault(url, len(self._numbers) + 1)
        if number > MOST_LINKS:
            raise ValueError(f"A campaign has {MOST_LINKS} links at most.")
        return f"{{{{ link_{number} }}}}"

    def html(self, url: str) -> str:
        """Return what stands in an attribute of HTML for a link."""
        text = self.text(url)
        return text if text.startswith("{{ link_") else escaped(text)

    @property
    def numbered(self) -> dict[int, str]:
        """The counted links by number."""
        return {number: url for url, number in self._numbers.items()}
