"""The mail in a browser, and its pictures: for whoever has the token, and nothing else."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from uuid import UUID

import pytest

from comanda.contexts.campaigns.reader_pages import POLICY, ReaderPages
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.engine.files import LocalFileStore
from comanda.web.access import StaffMember
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds
from tests.integration.campaigns.campaign_desk import RESTAURANT, Desk

TOKENS = {"ada": (1, 1), "zoe": (1, 2), "gone": (1, 3), "never": (9, 1)}


class Nobody:
    """Nobody is signed in."""

    async def member(self, token: str) -> StaffMember | None:  # noqa: ARG002 - the port's
        """Know no token."""
        return None


async def own_values(campaign: int, recipient: int) -> Mapping[str, str]:
    """Return addresses of that recipient's own."""
    base = f"https://eat.example/x/{campaign}-{recipient}"
    names = ("unsubscribe_url", "view_url", "pixel_url", "link_1", "link_2")
    return {name: f"{base}/{name}" for name in names}


@pytest.fixture
async def files(tmp_path: Path, clock: FakeClock) -> LocalFileStore:
    """A files store."""
    return LocalFileStore(tmp_path / "files", clock=clock)


@pytest.fixture
async def browser(
    database: Database, clock: FakeClock, ids: SeededIds, files: LocalFileStore
) -> AsyncIterator[Browser]:
    """A reader's browser; a campaign went to two people, and to one who was erased since."""
    desk = Desk(database, clock, ids)
    await desk.furnish()
    await desk.campaign()
    await database.fetch("CREATE TABLE campaigns.deliveries_0 PARTITION OF campaigns.deliveries DEFAULT")
    for recipient, person in ((1, 1), (2, 3), (3, 77)):
        sql = "INSERT INTO campaigns.deliveries (campaign, recipient, customer_id) VALUES (1, $1, $2)"
        await database.fetch(sql, recipient, UUID(int=person))
    pages = ReaderPages(
        database=database, compiler=desk.compiler, files=files, read_token=TOKENS.get, own_values=own_values
    )
    async with Browser(front([Module(name="campaigns", routes=pages.routes())], Nobody())) as browser:
        yield browser


async def test_a_mail_is_shown_as_it_was_sent(browser: Browser) -> None:
    """With the reader's name and own links, under a policy that runs no script; a name cannot break out."""
    shown = await browser.get("/v/ada")
    assert "Dear Ada" in shown.text
    assert "https://eat.example/x/1-1/unsubscribe_url" in shown.text
    assert "{{" not in shown.text
    assert shown.headers["content-security-policy"] == POLICY
    assert "<b>" not in (await browser.get("/v/zoe")).text


@pytest.mark.parametrize("token", ["gone", "never", "forged"])
async def test_without_a_mail_there_is_nothing(browser: Browser, token: str) -> None:
    """Neither for who was erased, nor for a campaign that is not there, nor for a token that is not ours."""
    assert (await browser.get(f"/v/{token}")).status_code == 404


async def test_pictures_come_from_the_store(browser: Browser, files: LocalFileStore) -> None:
    """Only the restaurant's own, and only pictures."""
    await files.put(f"campaign-pictures/{RESTAURANT}/summer.png", b"png")
    await files.put(f"campaign-pictures/{RESTAURANT}/page.html", b"<script>")
    picture = await browser.get(f"/campaign-pictures/{RESTAURANT}/summer.png")
    assert (picture.content, picture.headers["content-type"]) == (b"png", "image/png")
    for path in (f"{RESTAURANT}/page.html", f"{RESTAURANT}/other.png", f"{UUID(int=1)}/summer.png", "x/summer.png"):
        assert (await browser.get(f"/campaign-pictures/{path}")).status_code == 404
