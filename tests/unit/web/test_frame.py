"""The frame around every answer, and the gate before every handler."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar, Request, get, post
from litestar.response import Template
from litestar.testing import TestClient

from comanda.engine.ids import RandomIds
from comanda.web.access import StaffLink, StaffMember, require
from comanda.web.bodies import MAX_BODY_BYTES
from comanda.web.cookies import SESSION_COOKIE, VISITOR_COOKIE
from comanda.web.forms import form_of
from comanda.web.gate import OPEN
from comanda.web.site import Site

COOK = StaffMember(
    id=UUID(int=1), restaurant_id=UUID(int=2), name="Ana", email="ana@example.org", roles=frozenset({"kitchen"})
)
BROWSER = {"Accept": "text/html"}


class Sessions:
    """One cook is signed in, with one token."""

    async def member(self, token: str) -> StaffMember | None:
        """Know one token."""
        return COOK if token == "cook" else None


@get(["/form", "/staff/form"])
async def show_form() -> Template:
    """Show a form."""
    return Template("test/form.html")


@post(["/form", "/staff/form"])
async def take_form(request: Request[Any, Any, Any]) -> str:
    """Return what was typed."""
    return form_of(request).one("name")


@post("/unsubscribe", opt={OPEN: True})
async def unsubscribe() -> str:
    """Take a mail program's post."""
    return "unsubscribed"


@post("/api/things")
async def take_json(request: Request[Any, Any, Any]) -> int:
    """Return the size of what came."""
    return len(await request.body())


@post("/api/staff/things", guards=[require("kitchen")])
async def take_staff_json(request: Request[Any, Any, Any]) -> int:
    """Return the size of what came from someone of the kitchen."""
    return len(await request.body())


@get("/staff/owners", guards=[require("marketer")])
async def owners() -> str:
    """Be for marketers only."""
    return "owners"


@get("/staff/kitchen")
async def kitchen() -> Template:
    """Show the staff's frame."""
    return Template("staff.html")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient[Any]]:
    """Return a client of an app in its frame, over https."""
    (tmp_path / "form.html").write_text("<form method=post>{{ csrf_field() }}</form>")
    links = [
        StaffLink(path="/staff/kitchen", title="Kitchen board", purpose="Cook.", roles=("kitchen",)),
        StaffLink(path="/staff/owners", title="Owners only", purpose="Own.", roles=("owner",)),
    ]
    site = Site(
        secret=b"a secret for the tests, of 32 bytes",
        public_url="https://demo.example",
        ids=RandomIds(),
        templates={"test": tmp_path},
        links=links,
    )
    app = Litestar(
        [*site.routes(), show_form, take_form, unsubscribe, take_json, take_staff_json, owners, kitchen],
        exception_handlers=site.exception_handlers(),
        middleware=site.middleware(Sessions()),
        template_config=site.template_config(),
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    with TestClient(site.wrap(app), base_url="https://demo.example", raise_server_exceptions=False) as client:
        yield client


def token_on(client: TestClient[Any], path: str) -> str:
    """Return the token of the form at `path`."""
    return client.get(path).text.partition('value="')[2].partition('"')[0]


def test_every_answer_has_security_headers_and_an_id(client: TestClient[Any]) -> None:
    """Answers and errors alike; a request's own id is kept when it looks like one."""
    for path in ("/form", "/nothing", "/static/icon.svg"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert len(headers["x-request-id"]) == 24
    assert client.get("/form", headers={"X-Request-Id": "trace-1234"}).headers["x-request-id"] == "trace-1234"
    assert client.get("/form", headers={"X-Request-Id": "<b>"}).headers["x-request-id"] != "<b>"


def test_a_form_from_our_own_page_is_taken(client: TestClient[Any]) -> None:
    """A guest without a session gets a cookie with the form, and both together are taken."""
    cookie = client.get("/form").headers["set-cookie"]
    token = token_on(client, "/form")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Secure"))
    answer = client.post("/form", data={"_csrf": token, "name": "Ana"})
    assert (answer.status_code, answer.text) == (201, "Ana")
    assert client.post("/form", data={"name": "Ana"}, headers={"X-CSRF-Token": token}).status_code == 201


def test_a_form_from_elsewhere_is_refused(client: TestClient[Any]) -> None:
    """No token, a wrong one, another browser's, another site's, or a body type that hides it: 403."""
    token = token_on(client, "/form")
    good = {"_csrf": token, "name": "Ana"}
    assert client.post("/form", data={"name": "Ana"}).status_code == 403
    assert client.post("/form", data={**good, "_csrf": token + "x"}).status_code == 403
    assert client.post("/form", data=good, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/form", content="name=Ana", headers={"Content-Type": "text/plain"}).status_code == 403
    assert client.post("/form").status_code == 403
    client.cookies.clear()
    client.cookies.set(VISITOR_COOKIE, "another-browser")
    refused = client.post("/form", data=good, headers=BROWSER)
    assert (refused.status_code, "reload" in refused.text) == (403, True)


def test_a_guests_token_is_no_token_of_the_staffs(client: TestClient[Any]) -> None:
    """On the staff's pages the token is tied to the session as well."""
    token = token_on(client, "/staff/form")
    client.cookies.set(SESSION_COOKIE, "cook")
    assert client.post("/staff/form", data={"_csrf": token}).status_code == 403
    assert client.post("/staff/form", data={"_csrf": token_on(client, "/staff/form")}).status_code == 201


def test_programs_need_no_token_but_cookies_do(client: TestClient[Any]) -> None:
    """JSON and bearers pass; a session's cookie counts on the API only with a type that other sites cannot send."""
    assert client.post("/api/things", content=b"{}").status_code == 201
    assert client.post("/api/staff/things", json={}, headers={"Authorization": "Bearer cook"}).status_code == 201
    assert client.post("/api/staff/things", json={}, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.post("/api/staff/things", json={}).status_code == 401
    client.cookies.set(SESSION_COOKIE, "cook")
    assert client.post("/api/staff/things", json={}).status_code == 201
    assert client.post("/api/staff/things").status_code == 403
    assert client.post("/api/staff/things", content="{}", headers={"Content-Type": "text/plain"}).status_code == 403


def test_open_handlers_take_forms_from_anywhere(client: TestClient[Any]) -> None:
    """A mail program's unsubscribe has no page of ours."""
    assert client.post("/unsubscribe", data={"name": "x"}).status_code == 201


def test_bodies_have_a_limit(client: TestClient[Any]) -> None:
    """Over 1 MiB is 413, for forms and JSON, announced and in chunks, before and after the limit's edge."""
    token = token_on(client, "/form")
    large = b"x" * (MAX_BODY_BYTES + 1)
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": token}
    assert client.post("/form", content=large, headers=form).status_code == 413
    assert client.post("/form", content=iter([large[:600_000], large[:600_000]]), headers=form).status_code == 413
    assert client.post("/api/things", content=large).status_code == 413
    assert client.post("/api/things", content=iter([large[:600_000], large[:600_000]])).status_code == 413
    assert client.post("/api/things", content=large[1:]).status_code == 201


def test_roles_decide_and_the_menu_shows_only_what_they_may(client: TestClient[Any]) -> None:
    """A cook may not open a marketer's page, and does not see the owner's in the menu."""
    assert client.get("/staff/owners", headers=BROWSER, follow_redirects=False).status_code == 303
    client.cookies.set(SESSION_COOKIE, "cook")
    assert client.get("/staff/owners", headers=BROWSER).status_code == 403
    page = client.get("/staff/kitchen").text
    assert ("Kitchen board" in page, "Owners only" in page) == (True, False)


def test_static_files_are_kept_for_ever_under_their_hash(client: TestClient[Any]) -> None:
    """The page names the hashed stylesheet, which is compressed and immutable; the plain name is not kept."""
    page = client.get("/nothing", headers=BROWSER).text
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = client.get(path)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/css")
    assert ":root" in answer.text
    assert client.get("/static/comanda.css").headers["cache-control"] == "no-cache"
    for missing in ("/static/comanda.0000000000.css", "/static/..%2Fsite.py", "/static/"):
        assert client.get(missing).status_code == 404
