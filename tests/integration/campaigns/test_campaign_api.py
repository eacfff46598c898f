"""Campaigns through the front door: the API, with roles, versions, places of faults, previews and test mails."""

import email
import email.policy
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from comanda.contexts.campaigns.campaign_api import CampaignApi
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.web.access import StaffMember
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds
from tests.fakes.smtp_server import ScriptedSmtp
from tests.integration.campaigns.campaign_desk import DOCUMENT, OTHER, RESTAURANT, Desk
from tests.integration.receipts.office import smtp_mailer

PATH = "/api/v1/campaigns"
DRAFT: dict[str, Any] = {"name": "Summer", "conditions": {}, "document": DOCUMENT}


def member(number: int, restaurant_id: UUID, role: Any) -> StaffMember:
    """Return somebody who works at a restaurant."""
    return StaffMember(
        id=UUID(int=number), restaurant_id=restaurant_id, name="Mia", email="m@eat.example", roles=frozenset({role})
    )


class Sessions:
    """Three people are signed in."""

    async def member(self, token: str) -> StaffMember | None:
        """Know three tokens."""
        people = {
            "marketer": member(1, RESTAURANT, "marketer"),
            "cook": member(2, RESTAURANT, "kitchen"),
            "stranger": member(3, OTHER, "owner"),
        }
        return people.get(token)


@pytest.fixture
async def desk(database: Database, clock: FakeClock, ids: SeededIds) -> Desk:
    """A restaurant with three people to mail."""
    desk = Desk(database, clock, ids)
    await desk.furnish()
    return desk


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A mail server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def browser(desk: Desk, server: ScriptedSmtp, tmp_path: Path) -> AsyncIterator[Browser]:
    """Return the marketer's program."""
    courier = desk.courier(smtp_mailer(server.port), tmp_path)
    previews = desk.previews(courier)
    api = CampaignApi(
        database=desk.database,
        campaigns=desk.campaigns,
        compiler=desk.compiler,
        previews=previews,
        clock=desk.clock,
    )
    async with Browser(front([Module(name="campaigns", routes=api.routes())], Sessions())) as browser:
        signed_in(browser, "marketer")
        yield browser
    await courier.stop()


def signed_in(browser: Browser, token: str) -> None:
    """Sign somebody in, as a program does it."""
    browser.headers["Authorization"] = f"Bearer {token}"


def read(wire: bytes) -> EmailMessage:
    """Return a mail as the standard library reads it."""
    return email.message_from_bytes(wire, policy=email.policy.default)


async def test_a_campaign_from_draft_to_end(browser: Browser) -> None:
    """Write, change, schedule, start, pause, resume, cancel: each answer is the campaign as it is then."""
    made = (await browser.post(PATH, json=DRAFT)).json()
    one = f"{PATH}/{made['number']}"
    assert (made["state"], made["version"], made["document"]["address"]) == ("draft", 1, DOCUMENT["address"])
    changed = (await browser.put(one, json=DRAFT | {"name": "Late summer", "version": 1})).json()
    assert (changed["name"], changed["version"]) == ("Late summer", 2)
    again = await browser.put(one, json=DRAFT | {"version": 1})
    assert (again.status_code, again.json()["version"]) == (409, 2)
    steps = [
        ("schedule", {"at": "2025-06-02T20:00:00", "by_zone": False}, "scheduled"),
        ("unschedule", {}, "draft"),
        ("start", {}, "freezing"),
        ("start", {}, "freezing"),
        ("pause", {}, "paused"),
        ("resume", {}, "freezing"),
        ("cancel", {}, "cancelled"),
    ]
    for step, body, state in steps:
        answer = await browser.post(f"{one}/{step}", json=body)
        assert (answer.status_code, answer.json()["state"]) == (200, state), step
        assert (await browser.get(one)).json() == answer.json()
    copy = await browser.post(f"{one}/copy")
    assert (copy.status_code, copy.json()["state"]) == (201, "draft")
    listed = (await browser.get(PATH)).json()["campaigns"]
    assert [line["number"] for line in listed] == [copy.json()["number"], made["number"]]


async def test_faults_are_told_with_places(browser: Browser) -> None:
    """A merge field that nobody knows, a link that could harm, a colour that is none; and nothing is kept."""
    wrong = DOCUMENT | {
        "preheader": "{{ nick }}",
        "blocks": [{"type": "button", "text": "x", "link": "javascript:alert(1)"}],
    }
    answer = await browser.post(PATH, json=DRAFT | {"document": wrong})
    assert answer.status_code == 422
    assert {error["path"] for error in answer.json()["errors"]} == {
        "document.preheader",
        "document.blocks.0.link",
    }
    for body in (DRAFT | {"document": DOCUMENT | {"brand": {"accent": "red"}}}, DRAFT | {"state": "sending"}, {}):
        assert (await browser.post(PATH, json=body)).status_code in {400, 422}
    assert (await browser.get(PATH)).json() == {"campaigns": []}


async def test_only_marketers_of_the_restaurant_come_in(browser: Browser) -> None:
    """A cook is refused, nobody is asked to sign in, and another restaurant's owner finds nothing."""
    number = (await browser.post(PATH, json=DRAFT)).json()["number"]
    for token, status in (("cook", 403), ("nobody", 401), ("stranger", 404)):
        signed_in(browser, token)
        assert (await browser.get(f"{PATH}/{number}")).status_code == status
        assert (await browser.post(f"{PATH}/{number}/start", json={})).status_code == status


async def test_an_odd_number_is_not_there(browser: Browser) -> None:
    """Neither zero nor one that no database holds."""
    for number in (0, -1, 2**31, 2**70):
        assert (await browser.get(f"{PATH}/{number}")).status_code == 404


async def test_a_preview_shows_real_customers(browser: Browser) -> None:
    """One after the other; what is not known of somebody is said by the fallback; a name cannot break out."""
    number = (await browser.post(PATH, json=DRAFT)).json()["number"]
    shown = [(await browser.get(f"{PATH}/{number}/preview?position={n}")).json() for n in range(4)]
    assert [each["subject"] for each in shown] == [
        "Ada, summer is here",
        "Hello, summer is here",
        "Zoë, summer is here",
        "Zoë, summer is here",
    ]
    assert [each["position"] for each in shown] == [0, 1, 2, 2]
    assert "Dear guest" in shown[1]["html"]
    assert "https://eat.example/r/demo?from=mail" in shown[0]["html"]
    assert "{{" not in shown[0]["html"] + shown[0]["text"]
    assert (await browser.get(f"{PATH}/{number}/preview?variant=1")).status_code == 422


async def test_a_test_mail_goes_to_the_staff_alone(browser: Browser, server: ScriptedSmtp) -> None:
    """Through the ordinary courier, marked in its subject; the audience gets nothing, and the state stays."""
    number = (await browser.post(PATH, json=DRAFT)).json()["number"]
    body = {"addresses": ["mia@eat.example", "max@eat.example"]}
    answer = (await browser.post(f"{PATH}/{number}/test", json=body)).json()
    assert [(each["email"], each["accepted"]) for each in answer] == [
        ("mia@eat.example", True),
        ("max@eat.example", True),
    ]
    mails = [read(wire) for wire in server.accepted]
    assert [mail["To"] for mail in mails] == body["addresses"]
    assert {mail["Subject"] for mail in mails} == {"[Test] Ada, summer is here"}
    assert mails[0]["From"] == "Casa Comanda <news@eat.example>"
    assert len({mail["Message-ID"] for mail in mails}) == 2
    assert (await browser.get(f"{PATH}/{number}")).json()["state"] == "draft"
    server.order("RCPT", "550 no such user")
    refused = (await browser.post(f"{PATH}/{number}/test", json={"addresses": ["mia@eat.example"]})).json()
    assert refused == [{"email": "mia@eat.example", "accepted": False, "answer": "550 no such user"}]


@pytest.mark.parametrize("addresses", [[], ["a@b.example"] * 11, ["a@b.example\r\nBcc: c@d.example"], ["nobody"]])
async def test_a_test_mail_goes_to_addresses_only(browser: Browser, server: ScriptedSmtp, addresses: list[str]) -> None:
    """To one at least, to ten at most, and to nothing that could forge a header."""
    number = (await browser.post(PATH, json=DRAFT)).json()["number"]
    answer = await browser.post(f"{PATH}/{number}/test", json={"addresses": addresses})
    assert answer.status_code in {400, 422}
    assert server.accepted == []


async def test_the_sender_is_the_restaurants(browser: Browser) -> None:
    """Until it says who: the house's address under its name; a sender that forges headers is refused."""
    assert (await browser.get(f"{PATH}/sender")).json() == {
        "email": "news@eat.example",
        "name": "Casa Comanda",
        "reply_to": "",
    }
    said = {"email": "hola@casa.example", "name": "Casa", "reply_to": "chef@casa.example"}
    assert (await browser.put(f"{PATH}/sender", json=said)).json() == said
    assert (await browser.get(f"{PATH}/sender")).json() == said
    evil = said | {"name": "x\r\nBcc: all@example.com"}
    assert (await browser.put(f"{PATH}/sender", json=evil)).status_code == 422


async def test_figures_are_the_ledgers(browser: Browser, desk: Desk) -> None:
    """Recipients by state, what is known of each mail, the rate and the end to be expected."""
    number = (await browser.post(PATH, json=DRAFT)).json()["number"]
    ledger = [(2, 1)] * 6 + [(0, 0)] * 3 + [(6, 0), (3, 0), (2, 2)]
    await desk.database.fetch("CREATE TABLE campaigns.deliveries_0 PARTITION OF campaigns.deliveries DEFAULT")
    await desk.database.fetch(
        "INSERT INTO campaigns.deliveries (campaign, recipient, customer_id, state, accepted) "
        "SELECT $1, n, lpad(n::text, 32, '0')::uuid, s, a FROM unnest($2::int[], $3::smallint[], $4::smallint[]) "
        "AS t (n, s, a)",
        number,
        [*range(1, 13)],
        [state for state, _ in ledger],
        [accepted for _, accepted in ledger],
    )
    await desk.database.fetch("UPDATE campaigns.campaigns SET state = 'sending', recipients = 12")
    await desk.database.fetch(
        "INSERT INTO campaigns.minutes (campaign, minute, domain, sent, failed) VALUES ($1, $2, 'example.com', 60, 1)",
        number,
        desk.clock.now(),
    )
    desk.clock.advance(20)
    figures = (await browser.get(f"{PATH}/{number}/figures")).json()
    assert figures["statement"] == {"never": 4, "once": 6, "uncertain": 1, "twice": 1}
    assert (figures["states"]["pending"], figures["states"]["sent"], figures["done"]) == (3, 7, 9)
    assert figures["rate_per_s"] == 3.0
    assert datetime.fromisoformat(figures["ends_at"]) == desk.clock.now() + timedelta(seconds=1)
    assert figures["domains"] == [{"domain": "example.com", "sent": 60, "deferred": 0, "failed": 1}]
