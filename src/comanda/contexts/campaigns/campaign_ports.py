"""What campaigns need of others: audiences to be asked, mails to be compiled."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.merge_fields import Reader


class Person(Reader, Protocol):
    """Somebody of an audience, as previews show them."""

    @property
    def id(self) -> UUID:
        """The customer's id."""
        ...


class AudienceReader(Protocol):
    """What campaigns need to know of audiences."""

    async def conditions_of(self, restaurant_id: UUID, audience_id: UUID) -> dict[str, Any] | None:
        """Return the conditions of an audience that was kept; None where the restaurant has no such audience."""
        ...

    async def check(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> None:
        """Raise `Refused` (invalid) for conditions that are none."""
        ...

    async def count(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> int:
        """Return how many people a campaign with these conditions would reach now."""
        ...

    async def sample(
        self, restaurant_id: UUID, conditions: Mapping[str, Any], *, offset: int, most: int
    ) -> Sequence[Person]:
        """Return some of these people, always in the same order."""
        ...


class Compiler(Protocol):
    """Turns a campaign into mails; here only to see that it can be done, and which links it has."""

    async def compiled_links(self, row: CampaignRow) -> dict[int, str]:
        """Return the counted links by number; raises `Refused` for a campaign that no mail can be made of."""
        ...

    async def zone(self, restaurant_id: UUID) -> str:
        """Return the restaurant's time zone; raises `Refused` (not found)."""
        ...
