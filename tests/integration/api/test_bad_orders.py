"""What bad input gets: a 4xx problem with the field's path and a sentence; nothing stored; never a 500."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from comanda.engine.clock import SystemClock
from tests.fakes.served_house import ServedHouse, problem_of
from tests.fakes.shop import order_form

ORDERS = "/api/v1/orders"
QUOTES = "/api/v1/quotes"
JSON = {"content-type": "application/json"}

LONG = "x" * 10_000
ADDRESS = {"street": "Via Roma 1", "city": "Roma", "postcode": "00100"}


def line(**changes: Any) -> dict[str, Any]:
    """Return a form with one line, changed."""
    return order_form(lines=[{"item": "margherita", "quantity": 1, **changes}])


def guest(**changes: Any) -> dict[str, Any]:
    """Return a form whose guest is changed."""
    form = order_form()
    form["customer"] = {**form["customer"], **changes}
    return form


def delivery(**changes: Any) -> dict[str, Any]:
    """Return a form for delivery with a changed address."""
    return order_form(fulfilment={"type": "delivery", "address": {**ADDRESS, **changes}})


def without(*names: str) -> dict[str, Any]:
    """Return a form that lacks these fields."""
    return {name: value for name, value in order_form().items() if name not in names}


FORMS: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown restaurant": (order_form(restaurant="nowhere"), 404, ""),
    "restaurant of odd characters": (order_form(restaurant="\0'; DROP TABLE"), 404, ""),
    "unknown item": (line(item="nothing"), 422, "lines.0.item"),
    "item of NUL": (line(item="\0"), 422, "lines.0.item"),
    "option of another item": (
        order_form(lines=[{"item": "special", "options": ["small"]}]),
        422,
        "lines.0.options.0",
    ),
    "too many options": (line(options=["small", "large"]), 422, "lines.0.options"),
    "the same option too often": (line(options=["small", "small"]), 422, "lines.0.options.1"),
    "a thousand options": (line(options=["small"] * 1000), 422, "lines.0.options"),
    "no lines": (order_form(lines=[]), 422, "lines"),
    "too many lines": (order_form(lines=[{"item": "margherita"}] * 51), 422, "lines"),
    "quantity of 0": (line(quantity=0), 422, "lines.0.quantity"),
    "quantity below 0": (line(quantity=-1), 422, "lines.0.quantity"),
    "quantity of a thousand million": (line(quantity=10**9), 422, "lines.0.quantity"),
    "quantity beyond all numbers": (line(quantity=10**400), 422, "lines.0.quantity"),
    "half a pizza": (line(quantity=0.5), 422, "lines.0.quantity"),
    "quantity in words": (line(quantity="two"), 422, "lines.0.quantity"),
    "negative tip": (order_form(tip=-1), 422, "tip"),
    "enormous tip": (order_form(tip=10**9), 422, "tip"),
    "tip beyond all numbers": (order_form(tip=10**30), 422, "tip"),
    "a price that changed": (order_form(expected_total=1), 409, "expected_total"),
    "closed": (order_form(restaurant="closed"), 422, "fulfilment.at"),
    "a time long ago": (
        order_form(fulfilment={"type": "pickup", "at": "1999-01-01T12:00:00Z"}),
        422,
        "fulfilment.at",
    ),
    "a time without an offset": (
        order_form(fulfilment={"type": "pickup", "at": "2030-01-01T12:00:00"}),
        422,
        "fulfilment.at",
    ),
    "no time at all": (order_form(fulfilment={"type": "pickup", "at": "soon"}), 422, "fulfilment.at"),
    "the last hour of all": (
        order_form(fulfilment={"type": "pickup", "at": "9999-12-31T23:59:59-23:00"}),
        422,
        "fulfilment.at",
    ),
    "the first hour of all": (
        order_form(fulfilment={"type": "pickup", "at": "0001-01-01T00:00:00+23:00"}),
        422,
        "fulfilment.at",
    ),
    "unknown fulfilment": (order_form(fulfilment={"type": "drone"}), 422, "fulfilment.type"),
    "a fulfilment not offered": (order_form(fulfilment={"type": "dine_in", "table": "4"}), 422, "fulfilment.type"),
    "delivery to nowhere": (order_form(fulfilment={"type": "delivery"}), 422, "fulfilment.address"),
    "delivery too far": (delivery(postcode="99999"), 422, "fulfilment.address.postcode"),
    "delivery without street": (delivery(street=" "), 422, "fulfilment.address.street"),
    "delivery below the minimum": (
        {**delivery(), "lines": [{"item": "margherita", "quantity": 1}]},
        422,
        "lines",
    ),
    "no name": (guest(name=" "), 422, "customer.name"),
    "name turned around": (guest(name="Ann\u202e eeL"), 422, "customer.name"),
    "name with NUL": (guest(name="Ann\0"), 422, "customer.name"),
    "long name": (guest(name=LONG), 422, "customer.name"),
    "no e-mail": (guest(email=""), 422, "customer.email"),
    "bad e-mail": (guest(email="ann@"), 422, "customer.email"),
    "e-mail with NUL": (guest(email="a\0nn@example.com"), 422, "customer.email"),
    "e-mail with a line break": (guest(email="ann@example.com\nBcc: all@example.com"), 422, "customer.email"),
    "long e-mail": (guest(email=f"{LONG}@example.com"), 422, "customer.email"),
    "bad phone": (guest(phone="call me"), 422, "customer.phone"),
    "short phone": (guest(phone="1"), 422, "customer.phone"),
    "long phone": (guest(phone="1" * 10_000), 422, "customer.phone"),
    "note with NUL": (order_form(note="\0"), 422, "note"),
    "long note": (order_form(note=LONG), 422, "note"),
    "line's note turned around": (line(note="\u2067abc"), 422, "lines.0.note"),
    "long line's note": (line(note=LONG), 422, "lines.0.note"),
    "unknown coupon": (order_form(coupon="NOPE"), 422, "coupon"),
    "coupon of NUL": (order_form(coupon="\0"), 422, "coupon"),
    "long coupon": (order_form(coupon=LONG), 422, "coupon"),
    "made-up confirmation": (order_form(confirm="x" * 60), 422, "confirm"),
    "confirmation of odd characters": (order_form(confirm="ü\0"), 422, "confirm"),
    "unknown attribute": (order_form(attributes={"lift": True}), 422, "attributes.lift"),
    "bad attribute": (order_form(attributes={"floor": -1}), 422, "attributes.floor"),
    "attribute of NUL": (order_form(attributes={"floor": "\0"}), 422, "attributes.floor"),
    "no e-mail at all": ({**order_form(), "customer": {"name": "Ann"}}, 422, "customer.email"),
    "no customer": (without("customer"), 422, "customer"),
    "nothing": ({}, 422, "restaurant"),
    "a list for a text": (order_form(note=["a"]), 422, "note"),
    "null for a list": (order_form(lines=None), 422, "lines"),
}

EMOJI = order_form(note="Happy birthday 👩‍👩‍👧‍👦! Žluťoučký kůň")

BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "empty": (b"", JSON, 400),
    "broken JSON": (b'{"restaurant": ', JSON, 400),
    "two values": (b"{} {}", JSON, 400),
    "a number": (b"42", JSON, 422),
    "a list": (b"[]", JSON, 422),
    "null": (b"null", JSON, 422),
    "NaN": (b'{"tip": NaN}', JSON, 400),
    "lone surrogate, escaped": (b'{"restaurant": "\\ud800"}', JSON, 400),
    "lone surrogate, plain": (b'{"restaurant": "\xed\xa0\x80"}', JSON, 400),
    "not UTF-8": (b'{"restaurant": "\xff"}', JSON, 400),
    "UTF-16": ('{"restaurant": "osteria"}'.encode("utf-16"), JSON, 400),
    "a hundred thousand lists": (b"[" * 100_000, JSON, 400),
    "deep attributes": (
        msgspec.json.encode(order_form())[:-1] + b', "attributes": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        JSON,
        400,
    ),
    "ten megabytes": (b'{"note": "' + b"x" * 10_000_000 + b'"}', JSON, 413),
    "a million brackets": (b"[" * 1_000_000, JSON, 400),
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_bad_order_is_told_where_and_why(served: ServedHouse, name: str) -> None:
    """Each mistake gets a 4xx problem that names its field, and leaves nothing behind."""
    form, status, path = FORMS[name]
    before = await served.stored()
    async with served.client() as client:
        response = await client.post(ORDERS, content=msgspec.json.encode(form), headers=JSON)
    assert response.status_code == status, response.text
    problem = problem_of(response)
    paths = [error["path"] for error in problem.get("errors", [])]
    assert path in paths or not path, problem
    assert await served.stored() == before


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("address", [ORDERS, QUOTES])
async def test_a_bad_body_is_refused(served: ServedHouse, address: str, name: str) -> None:
    """Whatever bytes arrive, the answer is a 4xx problem, and nothing is left behind."""
    body, headers, status = BODIES[name]
    before = await served.stored()
    async with served.client() as client:
        response = await client.post(address, content=body, headers=headers)
    assert response.status_code == status, response.text[:500]
    problem_of(response)
    assert await served.stored() == before


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "", "é/;"],
)
async def test_another_content_type_is_no_order(served: ServedHouse, content_type: str) -> None:
    """A body that does not say that it is JSON never becomes an order by surprise of a browser."""
    before = await served.stored()
    async with served.client() as client:
        response = await client.post(
            ORDERS, content=msgspec.json.encode(order_form()), headers=[(b"content-type", content_type.encode())]
        )
    assert 400 <= response.status_code < 500, response.text
    problem_of(response)
    assert await served.stored() == before


@pytest.mark.parametrize(
    "key",
    [b"", b'""', b'" "', b"x" * 256, b'"' + b"x" * 256 + b'"', b"a b", b'"open', b"caf\xc3\xa9", b"\xff", b"a\tb"],
)
async def test_a_bad_key_is_refused(served: ServedHouse, key: bytes) -> None:
    """A key that is empty, too long, or not of visible ASCII is 400, and nothing is left behind."""
    before = await served.stored()
    async with served.client() as client:
        response = await client.post(ORDERS, json=order_form(), headers=[(b"idempotency-key", key)])
    assert response.status_code == 400, response.text
    assert problem_of(response)["type"] == "/problems/idempotency-key-malformed"
    assert await served.stored() == before


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/orders/nothing",
        "/api/v1/orders/%00",
        "/api/v1/orders/%ff%fe",
        "/api/v1/orders/%ed%a0%80",
        "/api/v1/orders/" + "x" * 5000,
        "/api/v1/orders/..%2f..%2fetc%2fpasswd",
        "/api/v1/restaurants/%00/menu",
        "/api/v1/restaurants/%ed%a0%80",
        "/api/v1/restaurants/" + "x" * 5000 + "/menu",
        "/api/v1/restaurants/osteria/slots?fulfilment=drone",
        "/api/v1/restaurants/osteria/slots?fulfilment=%00",
        "/api/v1/restaurants/osteria/slots?fulfilment=%ed%a0%80",
        "/o/%00",
        "/o/%ed%a0%80",
        "/r/%00",
        "/nothing/at/all",
        "/static/%00",
    ],
)
async def test_a_bad_address_is_refused(served: ServedHouse, path: str) -> None:
    """Addresses that lead nowhere, or hold what no address should, are 4xx problems."""
    async with served.client(accept="application/json") as client:
        response = await client.get(path)
    assert 400 <= response.status_code < 500, response.text
    problem_of(response)


async def test_a_slot_for_one_takes_one(served: ServedHouse) -> None:
    """Where no place is left in the slot, the guest is told at the time that they chose."""
    async with served.client() as client:
        slots = (await client.get("/api/v1/restaurants/tiny/slots")).json()["slots"]
        at = {"type": "pickup", "at": slots[-1]}
        first = await client.post(ORDERS, json=order_form(restaurant="tiny", fulfilment=at))
        assert first.status_code == 201, first.text
        before = await served.stored()
        response = await client.post(ORDERS, json=order_form(restaurant="tiny", fulfilment=at, note="another"))
    assert response.status_code == 409
    assert [error["path"] for error in problem_of(response)["errors"]] == ["fulfilment.at"]
    assert await served.stored() == before


async def test_stock_that_ran_out_is_told_at_its_line(served: ServedHouse) -> None:
    """Ten specials a day are sold; the eleventh is told at its line."""
    async with served.client() as client:
        day = (
            (SystemClock().now() + timedelta(days=2))
            .astimezone(UTC)
            .replace(hour=12, minute=0, second=0, microsecond=0)
        )
        at = {"type": "pickup", "at": day.isoformat()}
        lines = [{"item": "margherita"}, {"item": "special", "quantity": 10}]
        first = await client.post(ORDERS, json=order_form(fulfilment=at, lines=lines))
        assert first.status_code == 201, first.text
        before = await served.stored()
        response = await client.post(ORDERS, json=order_form(fulfilment=at, lines=lines, note="more"))
    assert response.status_code == 409
    assert [error["path"] for error in problem_of(response)["errors"]] == ["lines.1.item"]
    assert await served.stored() == before


async def test_emoji_and_letters_of_all_people_are_welcome(served: ServedHouse) -> None:
    """Odd is not bad: what can be read is stored as it was written."""
    async with served.client() as client:
        response = await client.post(ORDERS, json=EMOJI)
        assert response.status_code == 201, response.text
        order = (await client.get(response.headers["location"])).json()
    assert order["note"] == EMOJI["note"]
    assert isinstance(datetime.fromisoformat(order["placed_at"]), datetime)
