"""How errors are told to programs and to browsers."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.testing import TestClient

from comanda.engine.errors import FieldError, RefusalKind, Refused, Unavailable
from comanda.engine.ids import RandomIds
from comanda.web.faults import field_error
from comanda.web.problems import STATUS, Problem, exception_handlers


class Line(msgspec.Struct):
    """A line of a form."""

    quantity: int


class Form(msgspec.Struct):
    """A form with lines."""

    lines: list[Line]


@get("/api/refused")
async def refused() -> None:
    """Refuse with a field and a member."""
    raise Refused(
        "Sold out.",
        kind="conflict",
        code="item-sold-out",
        fields=[FieldError("lines.0.item", "Sold out.")],
        members={"item": "soup", "status": "not mine to say"},
    )


@get("/api/waiting")
async def waiting() -> None:
    """Refuse for a while."""
    raise Refused("Slow down.", kind="too_many", code="too-many", members={"retry_after_s": 7})


@get(["/api/down", "/down"])
async def down() -> None:
    """Find the database dead."""
    raise Unavailable("The database does not answer: /secret/socket")


@get(["/api/broken", "/broken"])
async def broken() -> None:
    """Fail in a way nobody foresaw."""
    raise ZeroDivisionError("a secret")


@get("/api/typed/{number:int}")
async def typed(number: FromPath[int], size: FromQuery[int]) -> int:
    """Take a number."""
    return number + size


@post("/api/forms", request_max_body_size=64)
async def forms(data: JSONBody[Form]) -> int:
    """Take a form."""
    return len(data.lines)


@get("/staff/board")
async def board() -> None:
    """Ask for a sign-in."""
    raise Refused("Sign in first.", kind="unauthorised", code="sign-in-needed")


def _page(_: Request[Any, Any, Any], problem: Problem) -> str:
    return f"<h1>{problem.title}</h1>{problem.detail}"


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    """Return a client of an app with one handler for each kind of trouble."""
    app = Litestar(
        [refused, waiting, down, broken, typed, forms, board],
        exception_handlers=exception_handlers(_page, RandomIds()),
        openapi_config=None,
        logging_config=None,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_every_kind_of_refusal_has_a_status() -> None:
    """No kind can be added without a status."""
    assert set(STATUS) == set(get_args(RefusalKind))


def test_a_refusal_is_a_problem_document(client: TestClient[Litestar]) -> None:
    """A program gets type, title, status, detail, the fields' errors and the refusal's own members."""
    answer = client.get("/api/refused")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/item-sold-out",
        "title": "Item sold out",
        "status": 409,
        "detail": "Sold out.",
        "errors": [{"path": "lines.0.item", "message": "Sold out."}],
        "item": "soup",
    }


def test_a_refusal_for_a_while_says_for_how_long(client: TestClient[Litestar]) -> None:
    """429 carries Retry-After."""
    answer = client.get("/api/waiting")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_a_dead_service_is_503_and_tells_no_secrets(client: TestClient[Litestar]) -> None:
    """Unavailable is 503 with Retry-After, for programs and browsers, without the driver's words."""
    for answer in (client.get("/api/down"), client.get("/down", headers=BROWSER)):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "secret" not in answer.text


def test_what_nobody_foresaw_is_named_by_an_id_only(client: TestClient[Litestar]) -> None:
    """An unexpected exception answers 500 with an id, and nothing of the exception."""
    answer = client.get("/api/broken")
    assert answer.status_code == 500
    assert answer.json()["error_id"] in answer.json()["detail"]
    page = client.get("/broken", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    for text in (answer.text, page.text):
        assert "secret" not in text
        assert "Traceback" not in text


def test_litestars_own_errors_have_the_same_form(client: TestClient[Litestar]) -> None:
    """Unknown paths, methods, parameters, shapes and sizes are problems too."""
    missing = client.get("/api/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    method = client.delete("/api/forms")
    assert (method.status_code, method.json()["type"]) == (405, "/problems/method-not-allowed")
    parameter = client.get("/api/typed/3?size=x")
    assert parameter.status_code == 422
    assert parameter.json()["errors"][0]["path"] == "size"
    shape = client.post("/api/forms", json={"lines": [{"quantity": "x"}]})
    assert shape.status_code == 422
    assert shape.json()["errors"][0]["path"] == "lines.0.quantity"
    broken = client.post("/api/forms", content=b'{"lines": [', headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    large = client.post("/api/forms", json={"lines": [], "padding": "x" * 100})
    assert (large.status_code, large.json()["type"]) == (413, "/problems/too-large")
    chunked = client.post("/api/forms", content=iter([b"x" * 40, b"x" * 40]))
    assert chunked.status_code == 413


def test_a_browser_without_a_session_is_sent_to_sign_in(client: TestClient[Litestar]) -> None:
    """The staff's pages lead to the sign-in page, and back afterwards; a program gets 401."""
    answer = client.get("/staff/board?x=1", headers=BROWSER, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/staff/sign-in?next=/staff/board%3Fx%3D1"
    program = client.get("/staff/board")
    assert (program.status_code, program.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"lines":[{"quantity":"x"}]}', "lines.0.quantity"),
        (b'{"lines":[{}]}', "lines.0.quantity"),
        (b"[1]", ""),
        (b'{"lines":' + b"[" * 100_000, "lines.0"),
    ],
)
def test_the_place_of_a_fault_is_told(body: bytes, path: str) -> None:
    """Where msgspec finds a fault is told in the form of all other paths."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Form)
    assert field_error(caught.value).path == path


def test_a_fault_without_a_place_is_the_whole_bodys() -> None:
    """A fault at the top has an empty path and msgspec's sentence."""
    assert field_error(msgspec.ValidationError("Expected `object`")) == FieldError("", "Expected `object`.")
