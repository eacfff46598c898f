"""The API's description tells errors as they are."""

from litestar import Litestar, get
from litestar.params import FromPath
from litestar.testing import TestClient

from comanda.web.description import description, openapi_config


@get("/api/v1/staff/things/{number:int}")
async def staff_thing(number: FromPath[int]) -> int:
    """Return the number."""
    return number


@get("/api/v1/things")
async def things() -> list[int]:
    """Return none."""
    return []


def test_errors_are_problems_and_staffs_paths_want_a_token() -> None:
    """Every operation may answer a problem document; Litestar's own form of 400, which is never sent, is not told."""
    app = Litestar([staff_thing, things, description], openapi_config=openapi_config(), logging_config=None)
    with TestClient(app) as client:
        document = client.get("/openapi.json").json()
        assert client.get("/openapi.json").json() == document
    staff = document["paths"]["/api/v1/staff/things/{number}"]["get"]
    guest = document["paths"]["/api/v1/things"]["get"]
    for operation in (staff, guest):
        assert set(operation["responses"]) == {"200", "default"}
        assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
    assert ("security" in staff, "security" in guest) == (True, False)
    assert "Problem" in document["components"]["schemas"]
