"""`comanda customers export` and `comanda customers erase`: what is kept of one person, given out or taken away."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
import typer

from comanda.cli.command import Data, begin, doer
from comanda.cli.lanes import opened
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.customers.erasure import PersonalData
from comanda.contracts.contact import clean_email
from comanda.engine.errors import SettingError
from comanda.settings import Settings

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address, in any case.")]
Slug = Annotated[str, typer.Option("--restaurant", metavar="SLUG", help="Whose customer it is.")]


class _Person(NamedTuple):
    """Somebody of whom something is kept."""

    personal: PersonalData
    restaurant_id: UUID
    customer_id: UUID


def export(
    email: Email,
    data: Data = None,
    restaurant: Slug = "demo",
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write it. [standard output]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With --out: tell as JSON what was written.")] = False,
) -> None:
    """Give out all that is kept of one customer, as JSON.

    Exits with 0, or with an error where there is no such customer. It changes nothing.

    Example: comanda customers export ann@example.com --out ann.json
    """
    kept = asyncio.run(exported(begin("customers", data=data), restaurant, email))
    document = msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n"
    if out is None:
        sys.stdout.write(document.decode())
        return
    out.write_bytes(document)
    if json:
        told = {"file": str(out), "bytes": len(document)}
        sys.stdout.write(f"{msgspec.json.encode(told).decode()}\n")
    else:
        sys.stdout.write(f"{len(document):,} bytes in {out}\n")


def erase(
    email: Email,
    data: Data = None,
    restaurant: Slug = "demo",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Erase one customer for good, here and in every other part, once you have confirmed it.

    Amounts stay in the books without a name, and the address gets no more campaigns. Exits with 0 when the customer is
    erased; with an error where there is none, or where their latest order is less than a day old.

    Example: comanda customers erase ann@example.com --yes
    """
    if not yes:
        # Not to standard output, which may be read by a program.
        typer.confirm(f"Erase {email} and all that {restaurant} keeps of them, for good?", abort=True, err=True)
    customer_id = asyncio.run(erased(begin("customers", data=data), restaurant, email))
    if json:
        told = {"customer_id": customer_id, "state": "erased"}
        sys.stdout.write(f"{msgspec.json.encode(told).decode()}\n")
    else:
        sys.stdout.write(f"Erased customer {customer_id}.\n")


async def exported(settings: Settings, restaurant: str, email: str) -> dict[str, Any]:
    """Return what is kept of a customer; raises `Refused` (not found) or `SettingError`."""
    async with _person(settings, restaurant, email) as person:
        return await person.personal.export(person.restaurant_id, person.customer_id)


async def erased(settings: Settings, restaurant: str, email: str) -> UUID:
    """Erase a customer and return who it was; raises `Refused` (not found, conflict) or `SettingError`."""
    async with _person(settings, restaurant, email) as person:
        await person.personal.erase(person.restaurant_id, person.customer_id, who=doer())
        return person.customer_id


@asynccontextmanager
async def _person(settings: Settings, restaurant: str, email: str) -> AsyncIterator[_Person]:
    address = clean_email(email)
    if address is None:
        raise SettingError(f"{email!r} is no e-mail address.")
    async with opened(settings, "customers") as house:
        found = await Restaurants(house.database, house.clock).by_slug(restaurant)
        if found is None:
            raise SettingError(f"There is no restaurant {restaurant!r} with a published menu.")
        personal = PersonalData(house.database, house.log, house.clock)
        yield _Person(personal, found.id, await personal.find(found.id, address))
