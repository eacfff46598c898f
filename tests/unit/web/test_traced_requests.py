"""The trace of a request."""

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient
from litestar.types import ASGIApp

from comanda.engine.ids import RandomIds
from comanda.engine.tracing import QuietTracer, Tracer, current, valid
from comanda.web.express import Express
from comanda.web.frame import Frame
from comanda.web.raw import RawAnswer
from tests.fakes.recording_tracer import RecordingTracer

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


@get(["/told", "/orders/{token:str}", "/static/told", "/livez"], sync_to_thread=False)
def told() -> str:
    """Return the trace in which the handler works."""
    return current() or ""


@get("/broken", sync_to_thread=False)
def broken() -> str:
    """Fail."""
    raise RuntimeError("broken")


async def express(*_: object) -> ASGIApp:
    """Answer before the framework."""
    return RawAnswer(200, (current() or "").encode())


def client(tracer: Tracer) -> TestClient[Litestar]:
    """Return a client of an application in the frame."""
    app = Litestar([told, broken], openapi_config=None, logging_config=None)
    framed = Frame(Express(app, {("GET", "/hot"): express}), ids=RandomIds(), secure=False, tracer=tracer)
    return TestClient(framed, raise_server_exceptions=False)  # type: ignore[arg-type]  # any ASGI application


@pytest.mark.parametrize("path", ["/told", "/hot"])
def test_a_request_goes_on_in_the_trace_it_brings(path: str) -> None:
    """By the framework and past it; nobody records, and the context goes on all the same."""
    answer = client(QuietTracer()).get(path, headers={"traceparent": GIVEN})
    assert answer.text == GIVEN


@pytest.mark.parametrize("given", [None, "00-nothing-good-01"])
@pytest.mark.parametrize("path", ["/told", "/hot"])
def test_a_request_without_a_trace_begins_one(path: str, given: str | None) -> None:
    """Each its own, in the standard's form; a header that is none is as none."""
    headers = {} if given is None else {"traceparent": given}
    traces = [client(QuietTracer()).get(path, headers=headers).text for _ in range(2)]
    assert traces[0] != traces[1]
    assert [valid(trace) for trace in traces] == traces


@pytest.mark.parametrize(
    ("path", "name"), [("/told", "GET /told"), ("/orders/secret-token", "GET /orders/{token}"), ("/hot", "GET /hot")]
)
def test_a_recorded_request_is_a_span_in_its_trace(path: str, name: str) -> None:
    """It is named by its route: what stands in a path may be a secret, and is not recorded."""
    tracer = RecordingTracer()
    answer = client(tracer).get(path, headers={"traceparent": GIVEN, "x-request-id": "request-17"})
    (span,) = tracer.named(name)
    assert (span.kind, span.parent, answer.text) == ("server", GIVEN, span.traceparent)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": name.removeprefix("GET "),
        "http.response.status_code": 200,
        "comanda.request_id": "request-17",
    }
    assert span.error is None


def test_a_fault_of_ours_fails_its_span_and_a_refusal_does_not() -> None:
    """An operator looks for what went wrong here, not for what guests mistyped."""
    tracer = RecordingTracer()
    browser = client(tracer)
    browser.get("/broken")
    browser.get("/nowhere")
    (fault,) = tracer.named("GET /broken")
    assert fault.error is not None
    (refusal,) = tracer.named("GET")
    assert (refusal.error, refusal.attributes["http.response.status_code"]) == (None, 404)


@pytest.mark.parametrize("path", ["/static/told", "/livez"])
def test_what_comes_all_the_time_is_not_recorded(path: str) -> None:
    """Files, and whoever asks whether we live."""
    tracer = RecordingTracer()
    client(tracer).get(path)
    assert tracer.spans == []
