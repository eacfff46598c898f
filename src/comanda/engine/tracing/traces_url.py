"""The setting `COMANDA_TRACES_URL`: from a URL to a tracer."""

import importlib
from urllib.parse import parse_qs, urlsplit

from comanda.engine.errors import SettingError
from comanda.engine.tracing.quiet import QuietTracer
from comanda.engine.tracing.tracer import Tracer

PATH = "/v1/traces"
"""Where OTLP/HTTP takes traces, unless the URL says otherwise."""

SHOULD_BE = "write off: or otlp+http://host:4318, with ?share=0.1 to record one trace in ten"


def from_url(url: str, *, service: str) -> Tracer:
    """Return the tracer that a traces URL means: `off:`, or `otlp+http[s]://host:port[/path][?share=…]`.

    Args:
        url: the setting.
        service: the name under which this process's spans appear.

    Raises `SettingError`.
    """
    if url == "off:":
        return QuietTracer()
    parts = urlsplit(url)
    if parts.scheme not in {"otlp+http", "otlp+https"} or not parts.netloc:
        raise SettingError(f"The traces URL {url} names no receiver; {SHOULD_BE}.")
    endpoint = f"{parts.scheme.removeprefix('otlp+')}://{parts.netloc}{parts.path.rstrip('/') or PATH}"
    # OpenTelemetry takes a quarter of a second to import: processes that record nothing start without it.
    otlp = importlib.import_module("comanda.engine.tracing.otlp")
    tracer: Tracer = otlp.OtlpTracer(endpoint, service=service, share=_share(parts.query, url))
    return tracer


def _share(query: str, url: str) -> float:
    given = parse_qs(query).get("share", ["1"])[-1]
    try:
        share = float(given)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingError(f"The traces URL {url} has no share from 0 to 1; {SHOULD_BE}.")
    return share
