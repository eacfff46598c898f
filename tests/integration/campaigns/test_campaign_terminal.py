"""What the terminal does with campaigns: a file becomes one, refusals are told whole, progress is readable."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from comanda.cli.campaign import progress, shown, tell
from comanda.contexts.campaigns.campaign_figures import DomainFigures, ErrorFigures, Figures, Statement
from comanda.contexts.campaigns.campaign_parts import CampaignParts
from comanda.contexts.campaigns.campaign_toml import CampaignFile, read_campaign
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds
from tests.integration.campaigns.campaign_desk import RESTAURANT, Desk
from tests.integration.receipts.office import smtp_mailer
from tests.unit.campaigns.test_campaign_toml import example


@pytest.fixture
async def parts(database: Database, clock: FakeClock, ids: SeededIds, tmp_path: Path) -> CampaignParts:
    """A restaurant's campaigns, as the terminal has them."""
    desk = Desk(database, clock, ids)
    await desk.furnish()
    return CampaignParts(
        database=database,
        restaurants=desk.restaurants,
        campaigns=desk.campaigns,
        compiler=desk.compiler,
        previews=desk.previews(desk.courier(smtp_mailer(1), tmp_path)),
        clock=clock,
    )


async def test_a_file_becomes_a_scheduled_campaign(parts: CampaignParts) -> None:
    """The one restaurant need not be named; the hour is its own."""
    text = example().replace("2030-06-21", "2025-06-21").replace("[conditions]", "[conditions]\nmin_orders = 1")
    row = await parts.create(read_campaign(text.encode()))
    assert (row.state, row.conditions) == ("scheduled", {"min_orders": 1})
    assert row.sends_at == datetime(2025, 6, 21, 16, 0, tzinfo=UTC)
    assert await parts.restaurant_of(row.number) == RESTAURANT
    assert shown(row, as_json=False) == "campaign 1 (Summer menu): scheduled for 2025-06-21 16:00 UTC"
    assert msgspec.json.decode(shown(row, as_json=True))["state"] == "scheduled"


async def test_a_refusal_is_told_with_all_its_places(parts: CampaignParts) -> None:
    """An empty draft is kept, and lacks everything when it is started."""
    row = await parts.create(CampaignFile(name="Empty"))

    async def start(parts: CampaignParts) -> Any:
        return await parts.campaigns.start(RESTAURANT, row.number)

    with pytest.raises(Refused) as refused:
        await tell(parts, start)
    for place in ("document.subjects.0", "document.blocks", "document.address", "audience_id"):
        assert f"\n  {place}: " in str(refused.value)


async def test_what_is_not_there_is_told(parts: CampaignParts) -> None:
    """No such campaign, audience, restaurant."""
    for work in (
        parts.figures(9),
        parts.figures(2**40),
        parts.create(CampaignFile(name="x", audience="Nobody")),
        parts.create(CampaignFile(name="x", restaurant="nowhere")),
    ):
        with pytest.raises(Refused):
            await work


def test_progress_is_readable() -> None:
    """Name, share, rate, end, domains and errors stand on the screen."""
    figures = Figures(
        number=1,
        name="Summer",
        state="sending",
        recipients=1000,
        states={"sent": 400},
        done=400,
        statement=Statement(never=600, once=400),
        rate_per_s=12.5,
        ends_at=datetime(2025, 6, 2, 12, 1, tzinfo=UTC),
        domains=[DomainFigures(domain="example.com", sent=300, deferred=2, failed=1)],
        errors=[ErrorFigures(code="450", times=2, words="slow\ndown")],
    )
    console = Console(width=160, record=True)
    with console.capture() as captured:
        console.print(progress(figures))
    for words in ("Summer", "400 of 1,000", "12.5/s", "12:01:00 UTC", "example.com", "2 x 450 slow down"):
        assert words in captured.get()
    assert str(figures.statement) == "mailed 0 times 600, once 400, uncertain 0, twice 0"
