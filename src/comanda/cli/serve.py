"""`comanda serve`."""

from typing import Annotated

import typer
import uvloop

from comanda.app import build_web
from comanda.cli.command import Data, begin, command
from comanda.processes.database_home import with_database
from comanda.processes.ports import listener
from comanda.processes.web_server import serve_http
from comanda.settings import Settings


def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. [COMANDA_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on. [COMANDA_PORT, 8000]")] = None,
) -> None:
    """Run one web process. Several on one port share its connections.

    SIGTERM lets requests under way finish and ends it.

    Example: COMANDA_DATABASE_URL=postgresql://user@host/comanda comanda serve --port 8000
    """
    uvloop.run(_serve(begin("web", data=data, host=host, port=port)))


async def _serve(settings: Settings) -> None:
    async with with_database(settings) as found:
        with listener(found.host, found.port) as bound:
            await serve_http(build_web(found), bound)


app = command(serve)
