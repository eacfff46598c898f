"""Signing up for a restaurant's news, by double opt-in: ask on a page, confirm from the mailbox.

Whoever asks gets the same answer whether the address is known or not. An address gets one mail an hour and a few a day,
whoever asks for it. Opening the mail's link changes nothing (programs open links to look at them); the button on its
page does. What is confirmed is written with time, source and network address, and told as `CustomersChanged`.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from comanda.contexts.customers import signup_store as store
from comanda.contexts.customers.consents import ConsentNote, note_consents
from comanda.contexts.customers.signup_store import ClaimedSignup
from comanda.contracts.catalog import Restaurant, RestaurantReader
from comanda.contracts.contact import clean_email
from comanda.contracts.customers import CONFIRMED, CustomersChanged, SignupAsked, customer_id
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused, RetryLater, SlowDown
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Seals
from comanda.engine.ids import Ids
from comanda.mail import BadMessage, Courier, MailAddress, MailMessage, PermanentFailure, TemporaryFailure, Uncertain

PURPOSE = "confirm a sign-up"

MOST_A_DAY = 3
"""Mails that an address gets in 24 hours, however often somebody asks for it."""

GOOD_FOR = timedelta(days=7)
"""How long a link can be used; then the sign-up is forgotten."""

MOST_NAME = 100


class Outcome(NamedTuple):
    """What came of a mail."""

    state: str
    answer: str


class SignupState(NamedTuple):
    """A sign-up, as its page shows it."""

    restaurant: Restaurant
    email: str
    confirmed: bool


class Signups:
    """Asks, mails and confirms.

    Args:
        seals: sign the links, and make customers' ids.
        courier: mails, with this machine's journal.
        sender: from whom the mails are; the restaurant's name is shown beside this address.
        public_url: where guests reach us.
    """

    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        restaurants: RestaurantReader,
        seals: Seals,
        courier: Courier,
        sender: MailAddress,
        public_url: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._log = log
        self._restaurants = restaurants
        self._seals = seals
        self._courier = courier
        self._sender = sender
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._ids = ids

    async def ask(self, slug: str, *, email: str, name: str, address: str) -> Restaurant:
        """Write down that somebody wants a restaurant's news; a mail goes out, where the address has not had enough.

        Raises:
            Refused: the restaurant is unknown, or the address is none.
        """
        restaurant = await self.restaurant(slug)
        cleaned = clean_email(email)
        if cleaned is None:
            message = "Please enter an e-mail address, such as ann@example.com."
            raise Refused(message, kind="invalid", code="invalid-form", fields=[FieldError("email", message)])
        name = " ".join(name.split())[:MOST_NAME]
        signup_id, now = self._ids.new(), self._clock.now()

        async def write(tx: Transaction) -> None:
            asked = await store.ask(
                tx,
                signup_id,
                restaurant_id=restaurant.id,
                email=cleaned,
                name=name if name.isprintable() else "",
                source=CONFIRMED,
                at=now,
                address=address,
                most_a_day=MOST_A_DAY,
            )
            if asked:
                await self._log.emit(tx, SignupAsked(signup_id=signup_id, restaurant_id=restaurant.id))

        await self._database.run(write)
        return restaurant

    async def restaurant(self, slug: str) -> Restaurant:
        """Return the restaurant; raises `Refused` (not found)."""
        found = await self._restaurants.by_slug(slug)
        if found is None:
            raise Refused("There is no such restaurant.", kind="not_found", code="restaurant-unknown")
        return found

    async def opened(self, token: str) -> SignupState:
        """Return what a mail's link leads to; raises `Refused` (not found) where it is not ours or too old."""
        row = await store.find(self._database, self._opened(token))
        if row is None or row["asked_at"] < self._clock.now() - GOOD_FOR:
            raise _gone()
        restaurant = await self._restaurants.by_id(row["restaurant_id"])
        if restaurant is None:
            raise _gone()
        return SignupState(restaurant, row["email"], row["state"] == "confirmed")

    async def confirm(self, token: str, *, address: str) -> SignupState:
        """Write that who holds this mailbox has agreed, once however often they say so; raises as `opened`."""
        state = await self.opened(token)
        signup_id, now = self._opened(token), self._clock.now()

        async def write(tx: Transaction) -> None:
            row = await store.confirm(tx, signup_id, at=now, address=address)
            if row is None:
                return
            restaurant_id, email = row["restaurant_id"], row["email"]
            customer = customer_id(self._seals, restaurant_id, email)
            await store.write_consent(
                tx, customer, restaurant_id=restaurant_id, email=email, name=row["name"], at=now, source=row["source"]
            )
            asked = ConsentNote(customer, restaurant_id, row["asked_at"], "asked", row["source"], row["asked_from"])
            given = ConsentNote(customer, restaurant_id, now, "given", row["source"], address)
            await note_consents(tx, [asked, given])
            change = CustomersChanged(change_id=signup_id, restaurant_id=restaurant_id, customer_ids=(customer,))
            await self._log.emit(tx, change)

        await self._database.run(write)
        return state._replace(confirmed=True)

    async def claim(self, tx: Transaction, event: SignupAsked) -> ClaimedSignup | None:
        """Write who is about to send the mail; None when nothing is left to do."""
        await self._courier.start()
        return await store.claim(tx, event.signup_id, self._courier.journal_id)

    async def perform(self, signup: ClaimedSignup) -> Outcome:
        """Send the mail. Raises `RetryLater` when it may be sent later, and `Unavailable`."""
        try:
            accepted = await self._courier.send(await self._mail(signup), claimed_in=signup.claimed_in)
        except TemporaryFailure as error:
            again = RetryLater if error.code is None else SlowDown
            raise again(str(error), after_s=error.after_s) from error
        except Uncertain as error:
            # A second mail to confirm with, under the same Message-ID, is better than none.
            raise RetryLater(str(error)) from error
        except (PermanentFailure, BadMessage, Refused) as error:
            return Outcome("failed", str(error))
        return Outcome("mailed", accepted.answer)

    async def conclude(self, tx: Transaction, signup: ClaimedSignup, outcome: Outcome) -> None:
        """Write what came of it."""
        await store.conclude(tx, signup.id, outcome.state, outcome.answer.replace("\0", ""))

    async def sweep(self) -> None:
        """Forget the sign-ups whose links cannot be used any more."""
        before = self._clock.now() - GOOD_FOR
        async with self._database.transaction() as tx:
            await store.sweep(tx, before)

    def _opened(self, token: str) -> UUID:
        content = self._seals.open(PURPOSE, token)
        if content is None:
            raise _gone()
        return UUID(bytes=content)

    async def _mail(self, signup: ClaimedSignup) -> MailMessage:
        restaurant = await self._restaurants.by_id(signup.restaurant_id)
        if restaurant is None:
            raise _gone()
        link = f"{self._public_url}/news/{self._seals.token(PURPOSE, signup.id.bytes)}"
        name = " ".join(restaurant.name.split())
        greeting = f"Hello {signup.name},\n\n" if signup.name else "Hello,\n\n"
        text = (
            f"{greeting}somebody, most likely you, has asked us to send news of {name} to this address.\n\n"
            f"Please confirm it here:\n\n{link}\n\n"
            "If it was not you, there is nothing to do: without this you get no news from us, and the link loses its "
            "force after seven days.\n\n"
            f"{name}\n"
        )
        return MailMessage(
            sender=MailAddress(self._sender.email, name),
            to=(MailAddress(signup.email, signup.name),),
            subject=f"Please confirm: news of {name}",
            text=text,
            message_id=f"<signup-{signup.id}@{self._sender.domain}>",
            date=signup.asked_at,
        )


def _gone() -> Refused:
    message = "This link is not valid, or it is older than seven days. Sign up again, and you get a new one."
    return Refused(message, kind="not_found", code="signup-unknown")
