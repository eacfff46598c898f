"""`comanda returns`."""

import uvloop

from comanda.cli.command import Data, begin, command
from comanda.contexts.campaigns.return_intake import ReturnIntake
from comanda.engine.errors import SettingError
from comanda.house import build_house, marks_of
from comanda.mail.returns.returns_url import returns_from_url
from comanda.processes.database_home import with_database
from comanda.processes.until_told import run_until_told
from comanda.settings import Settings


def returns(data: Data = None) -> None:
    """Take bounces and complaints about campaigns, as COMANDA_RETURNS_URL says: one process for the installation.

    Example: COMANDA_RETURNS_URL=smtp://0.0.0.0:25 comanda returns
    """
    uvloop.run(_returns(begin("returns", data=data)))


async def _returns(settings: Settings) -> None:
    async with with_database(settings) as found:
        house = build_house(found, role="returns", connections=2)
        intake = ReturnIntake(house.database, house.log, house.clock)
        service = returns_from_url(found.returns_url, marks=marks_of(found), take=intake.take)
        if service is None:
            raise SettingError("COMANDA_RETURNS_URL is empty: say where returned mails come in, as smtp://0.0.0.0:25.")
        async with house.opened():
            await run_until_told([service])


app = command(returns)
