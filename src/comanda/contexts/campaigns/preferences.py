"""What the person behind a mail wants: to leave, or to come back. Asked for by the token of the mail alone."""

from comanda.contexts.campaigns import feedback_store as store
from comanda.contexts.campaigns.feedback_store import Whose
from comanda.contexts.campaigns.suppression import Suppression
from comanda.contracts.catalog import Restaurant, RestaurantReader
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused
from comanda.mail.returns.marks import Mark, Marks


class Preferences:
    """Reads and changes what people want."""

    def __init__(
        self,
        database: Database,
        suppression: Suppression,
        *,
        marks: Marks,
        restaurants: RestaurantReader,
        clock: Clock,
    ) -> None:
        self._database = database
        self._suppression = suppression
        self._marks = marks
        self._restaurants = restaurants
        self._clock = clock

    async def opened(self, token: str) -> tuple[Whose, Restaurant]:
        """Return whose mail a token is of, and whose guest they are; raises `Refused` (not found)."""
        whose = await store.whose(self._database, *self._read(token))
        restaurant = None if whose is None else await self._restaurants.by_id(whose.restaurant_id)
        if whose is None or restaurant is None:
            raise _unknown()
        return whose, restaurant

    async def leave(self, token: str) -> None:
        """Let the person get no campaigns any more, once however often they say so; raises `Refused` (not found)."""
        campaign, recipient = self._read(token)

        async def write(tx: Transaction) -> None:
            whose = await store.whose(tx, campaign, recipient)
            if whose is None:
                raise _unknown()
            await self._suppression.suppress(
                tx,
                whose.customer_id,
                restaurant_id=whose.restaurant_id,
                why="unsubscribed",
                at=self._clock.now(),
                campaign=campaign,
            )

        await self._database.run(write)

    async def come_back(self, token: str) -> None:
        """Let the person get campaigns again; raises `Refused` (not found)."""
        campaign, recipient = self._read(token)

        async def write(tx: Transaction) -> None:
            whose = await store.whose(tx, campaign, recipient)
            if whose is None:
                raise _unknown()
            await self._suppression.lift(
                tx, whose.customer_id, restaurant_id=whose.restaurant_id, at=self._clock.now(), campaign=campaign
            )

        await self._database.run(write)

    def _read(self, token: str) -> tuple[int, int]:
        mark: Mark | None = self._marks.read_unsubscribe(token)
        if mark is None:
            raise _unknown()
        return mark.campaign, mark.recipient


def _unknown() -> Refused:
    return Refused("This link is none of ours, or was cut off on its way.", kind="not_found", code="link-unknown")
