"""The setting `COMANDA_EVENTS_URL`: from a URL to a transport."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import SettingError
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.transports.transport import Transport

CARRIERS = {
    "kafka": ("comanda.engine.transports.kafka", "comanda[kafka]"),
    "sns+sqs": ("comanda.engine.transports.sns_sqs", "comanda[aws]"),
}
"""By scheme: the package that carries, whose `build` makes the transport, and the extra that brings its client."""


def from_url(
    url: str, *, database: Database, consumers: Sequence[Consumer], clock: Clock, ids: Ids, data_dir: Path
) -> Transport | None:
    """Return the transport that an events URL names, not started; None for `postgres:`, the log itself.

    A carrier's package and its client are loaded only where the URL asks for them. `consumers` are all that there are,
    those of other processes included; `data_dir` is this machine's folder.

    Raises:
        SettingError: with a sentence that says what to write or to install.
    """
    scheme = url.partition(":")[0]
    if url == "postgres:":
        return None
    if scheme not in CARRIERS:
        raise SettingError(f"The events URL {url} names no carrier; write postgres:, kafka://… or sns+sqs://….")
    package, extra = CARRIERS[scheme]
    try:
        carrier = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise SettingError(f"Events by {scheme}:// need {error.name}; install {extra}.") from error
    transport: Transport = carrier.build(
        url, database=database, consumers=consumers, clock=clock, ids=ids, data_dir=data_dir
    )
    return transport
