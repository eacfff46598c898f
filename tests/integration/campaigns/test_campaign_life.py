"""The life of a campaign: each command once, each under the row's lock, and stale work known by its epoch."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from comanda.contexts.campaigns.campaign_consumers import consumers
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.drafting import SubjectsTest
from comanda.contexts.campaigns.states import MOVES, STATES, State
from comanda.contracts.campaigns import CouponTerms, StartDue
from comanda.engine.database import Database
from comanda.engine.errors import Refused, RetryLater
from comanda.engine.lanes import OutsideConsumer
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds
from tests.integration.campaigns.campaign_desk import OTHER, RESTAURANT, Desk

EVENING = datetime(2025, 6, 2, 20, 0)  # noqa: DTZ001 - as somebody of the staff says it, in the restaurant's zone


@pytest.fixture
async def desk(database: Database, clock: FakeClock, ids: SeededIds) -> Desk:
    """A restaurant with three people to mail."""
    desk = Desk(database, clock, ids)
    await desk.furnish()
    return desk


async def refusal(call: Awaitable[object]) -> Refused:
    """Return how a call is refused."""
    with pytest.raises(Refused) as told:
        await call
    return told.value


async def put(desk: Desk, row: CampaignRow, state: State, **columns: object) -> None:
    """Put a campaign into a state, as those would who send it."""
    names = "".join(f", {name} = ${place}" for place, name in enumerate(columns, start=3))
    sql = f"UPDATE campaigns.campaigns SET state = $2{names} WHERE number = $1"
    await desk.database.fetch(sql, row.number, state, *columns.values())


async def come_due(desk: Desk, event: StartDue, *, meanwhile: Callable[[], Awaitable[object]] | None = None) -> bool:
    """Hand an event to the consumer as a lane would; return whether there was anything to do."""
    (consumer,) = consumers(desk.campaigns)
    assert isinstance(consumer, OutsideConsumer)
    work = await desk.database.run(lambda tx: consumer.claim(tx, event))
    if work is None:
        return False
    outcome = await consumer.perform(work)
    if meanwhile is not None:
        await meanwhile()
    await desk.database.run(lambda tx: consumer.conclude(tx, work, outcome))
    return True


async def scheduled_event(desk: Desk) -> StartDue:
    """Return what was asked to be emitted last."""
    return msgspec.convert((await desk.timers())[-1][1], StartDue)


async def test_a_draft_is_kept_and_changed(desk: Desk) -> None:
    """What is written comes back, in a version that grows; the list shows the newest first."""
    row = await desk.campaign()
    assert (row.state, row.version, row.epoch, row.number) == ("draft", 1, 0, 1)
    changed = await desk.campaigns.edit(RESTAURANT, row.number, desk.draft(preheader="Soon"), version=1)
    assert (changed.version, changed.document["preheader"]) == (2, "Soon")
    second = await desk.campaign()
    assert [each.number for each in await desk.campaigns.all_of(RESTAURANT)] == [second.number, row.number]
    assert [each.number for each in await desk.campaigns.all_of(RESTAURANT, before=second.number)] == [row.number]


async def test_two_authors_do_not_overwrite_one_another(desk: Desk) -> None:
    """Of ten who save the same version at once one does; the others are told in which version it is now."""
    row = await desk.campaign()
    saves = [desk.campaigns.edit(RESTAURANT, row.number, desk.draft(preheader=f"{n}"), version=1) for n in range(10)]
    answers = await asyncio.gather(*saves, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 9
    assert {(each.kind, each.code, each.members["version"]) for each in refused} == {
        ("conflict", "campaign-changed", 2)
    }


async def test_another_restaurants_campaign_is_not_there(desk: Desk) -> None:
    """Neither to be read, nor for any command."""
    number = (await desk.campaign()).number
    service = desk.campaigns
    for call in (
        service.one(OTHER, number),
        service.copy(OTHER, number),
        service.start(OTHER, number),
        service.pause(OTHER, number),
        service.resume(OTHER, number),
        service.cancel(OTHER, number),
        service.schedule(OTHER, number, EVENING),
        service.edit(OTHER, number, desk.draft(), version=1),
    ):
        assert (await refusal(call)).kind == "not_found"
    assert await service.all_of(OTHER) == []


async def test_a_start_is_one_start(desk: Desk) -> None:
    """Ten who click at once start it once: one epoch, one page to freeze, the links and the conditions kept."""
    row = await desk.campaign(coupon={"kind": "percentage", "value": 1000})
    started = await asyncio.gather(*(desk.campaigns.start(RESTAURANT, row.number) for _ in range(10)))
    assert {(each.state, each.epoch) for each in started} == {("freezing", 1)}
    assert await desk.events("FreezeDue") == [{"campaign": row.number, "epoch": 1, "page": 0}]
    assert [event["state"] for event in await desk.events("CampaignMoved")] == ["freezing"]
    (offered,) = await desk.events("CouponsOffered")
    assert msgspec.convert(offered["terms"], CouponTerms) == CouponTerms(kind="percentage", value=1000)
    links = await desk.database.fetch("SELECT link, url FROM campaigns.links ORDER BY link")
    assert [(link["link"], link["url"]) for link in links] == [
        (1, "https://eat.example/r/demo"),
        (2, "https://eat.example/r/demo?from=mail"),
    ]
    assert started[0].started_at == desk.clock.now()


async def test_an_audience_is_copied_at_the_start(desk: Desk) -> None:
    """Who changes the audience afterwards does not change to whom a campaign goes."""
    audience = UUID(int=50)
    await desk.database.fetch(
        "INSERT INTO campaigns.audiences VALUES ($1, $2, 'Regulars', '{\"min_orders\": 1}', now(), now())",
        audience,
        RESTAURANT,
    )
    draft = msgspec.structs.replace(desk.draft(), audience_id=audience, conditions=None)
    row = await desk.campaigns.create(RESTAURANT, draft)
    assert (await desk.campaigns.start(RESTAURANT, row.number)).number == row.number
    assert (await desk.campaigns.one(RESTAURANT, row.number)).conditions == {"min_orders": 1}
    copy = await desk.campaigns.copy(RESTAURANT, row.number)
    assert (copy.state, copy.audience_id, copy.conditions) == ("draft", audience, None)


@pytest.mark.parametrize(
    ("changes", "split", "place"),
    [
        ({"subjects": [" "]}, None, "document.subjects.0"),
        ({"blocks": []}, None, "document.blocks"),
        ({"address": ""}, None, "document.address"),
        ({"subjects": ["a", "b"]}, None, "split"),
        ({}, SubjectsTest(), "split"),
        ({"subjects": ["a", "b"], "tracking": False}, SubjectsTest(), "split"),
    ],
)
async def test_what_is_missing_is_told_before_the_start(
    desk: Desk, changes: dict[str, object], split: SubjectsTest | None, place: str
) -> None:
    """Neither started nor scheduled, nothing emitted."""
    draft = msgspec.structs.replace(desk.draft(**changes), split=split)
    row = await desk.campaigns.create(RESTAURANT, draft)
    for call in (
        desk.campaigns.start(RESTAURANT, row.number),
        desk.campaigns.schedule(RESTAURANT, row.number, EVENING),
    ):
        told = await refusal(call)
        assert (told.kind, {fault.path for fault in told.fields}) == ("invalid", {place})
    assert await desk.events("CampaignMoved") == []
    assert await desk.timers() == []


async def test_an_empty_audience_starts_nothing(desk: Desk) -> None:
    """Neither nobody said, nor nobody there, nor a condition or audience that is none."""
    nobody = msgspec.structs.replace(desk.draft(), conditions={"min_orders": 99})
    unsaid = msgspec.structs.replace(desk.draft(), conditions=None)
    for draft in (nobody, unsaid):
        row = await desk.campaigns.create(RESTAURANT, draft)
        assert (await refusal(desk.campaigns.start(RESTAURANT, row.number))).fields[0].path == "audience_id"
    unknown = msgspec.structs.replace(unsaid, audience_id=UUID(int=1))
    odd = msgspec.structs.replace(unsaid, conditions={"colour": "red"})
    for draft in (unknown, odd):
        assert (await refusal(desk.campaigns.create(RESTAURANT, draft))).kind == "invalid"


async def test_a_bad_sender_starts_nothing(desk: Desk) -> None:
    """An address that could forge a header is told before anybody is mailed."""
    await desk.database.fetch(
        "INSERT INTO campaigns.senders (restaurant_id, email, name) VALUES ($1, 'a@b.example', $2)",
        RESTAURANT,
        "Evil\r\nBcc: everybody@example.com",
    )
    row = await desk.campaign()
    assert (await refusal(desk.campaigns.start(RESTAURANT, row.number))).code == "sender-invalid"


async def test_a_scheduled_campaign_starts_at_its_hour(desk: Desk) -> None:
    """The hour is the restaurant's; asked for twice it is one timer; the event starts it once."""
    row = await desk.campaign()
    for _ in range(2):
        scheduled = await desk.campaigns.schedule(RESTAURANT, row.number, EVENING)
    assert (scheduled.state, scheduled.sends_at) == ("scheduled", datetime(2025, 6, 2, 18, 0, tzinfo=UTC))
    ((due, _),) = await desk.timers()
    assert due == scheduled.sends_at
    event = await scheduled_event(desk)
    assert await come_due(desk, event)
    assert not await come_due(desk, event)
    started = await desk.campaigns.one(RESTAURANT, row.number)
    assert (started.state, started.sends_at) == ("freezing", scheduled.sends_at)
    assert await desk.events("FreezeDue") == [{"campaign": row.number, "epoch": started.epoch, "page": 0}]


async def test_an_older_schedule_starts_nothing(desk: Desk) -> None:
    """Only the last of several hours counts, and none after it was taken back."""
    row = await desk.campaign()
    await desk.campaigns.schedule(RESTAURANT, row.number, EVENING)
    old = await scheduled_event(desk)
    await desk.campaigns.schedule(RESTAURANT, row.number, EVENING + timedelta(hours=1))
    new = await scheduled_event(desk)
    assert not await come_due(desk, old)
    assert (await desk.campaigns.unschedule(RESTAURANT, row.number)).state == "draft"
    assert not await come_due(desk, new)
    assert await desk.events("FreezeDue") == []


async def test_what_is_edited_while_it_starts_is_looked_at_again(desk: Desk) -> None:
    """The mail that was checked is the mail that goes out."""
    row = await desk.campaign()
    await desk.campaigns.schedule(RESTAURANT, row.number, EVENING)
    event = await scheduled_event(desk)

    async def edit() -> None:
        await desk.campaigns.edit(RESTAURANT, row.number, desk.draft(preheader="New"), version=1)

    with pytest.raises(RetryLater):
        await come_due(desk, event, meanwhile=edit)
    assert await come_due(desk, event)
    assert (await desk.campaigns.one(RESTAURANT, row.number)).state == "freezing"
    lame = desk.draft(blocks=[])
    assert (await refusal(desk.campaigns.edit(RESTAURANT, row.number, lame, version=2))).kind == "conflict"


async def test_a_scheduled_campaign_stays_one_that_can_start(desk: Desk) -> None:
    """An edit cannot take away what a start needs; and where nobody is left to mail it becomes a draft again."""
    row = await desk.campaign()
    await desk.campaigns.schedule(RESTAURANT, row.number, EVENING)
    lame = desk.draft(blocks=[])
    assert (await refusal(desk.campaigns.edit(RESTAURANT, row.number, lame, version=1))).kind == "invalid"
    await desk.database.fetch("DELETE FROM campaigns.people")
    assert await come_due(desk, await scheduled_event(desk))
    assert (await desk.campaigns.one(RESTAURANT, row.number)).state == "draft"
    assert [event["state"] for event in await desk.events("CampaignMoved")] == ["scheduled", "draft"]


async def test_by_zone_the_first_zone_begins(desk: Desk) -> None:
    """Eight in the evening in Tokyo is before eight in the evening in Madrid; New York comes last."""
    await desk.person(4, "t@example.com", "Toshiro", zone="Asia/Tokyo")
    await desk.person(5, "n@example.com", "Nora", zone="America/New_York")
    await desk.person(6, "x@example.com", "Xavier", zone="Mars/Olympus")
    row = await desk.campaign()
    tomorrow = EVENING + timedelta(days=1)
    scheduled = await desk.campaigns.schedule(RESTAURANT, row.number, tomorrow, by_zone=True)
    ((due, _),) = await desk.timers()
    assert (scheduled.by_zone, scheduled.sends_at) == (True, datetime(2025, 6, 3, 18, 0, tzinfo=UTC))
    assert due == datetime(2025, 6, 3, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("at", [EVENING - timedelta(days=1), EVENING + timedelta(days=400)])
async def test_the_hour_is_in_the_next_year(desk: Desk, at: datetime) -> None:
    """Neither past nor beyond."""
    row = await desk.campaign()
    assert (await refusal(desk.campaigns.schedule(RESTAURANT, row.number, at))).fields[0].path == "at"


async def test_pause_and_resume_go_on_where_it_was(desk: Desk) -> None:
    """A campaign that is not frozen yet goes on freezing, one that is goes on sending; each under a new epoch."""
    row = await desk.campaign()
    await desk.campaigns.start(RESTAURANT, row.number)
    for _ in range(2):
        paused = await desk.campaigns.pause(RESTAURANT, row.number)
    assert (paused.state, paused.epoch) == ("paused", 2)
    for _ in range(2):
        resumed = await desk.campaigns.resume(RESTAURANT, row.number)
    assert (resumed.state, resumed.epoch, desk.went_on) == ("freezing", 3, [])
    assert [event["epoch"] for event in await desk.events("FreezeDue")] == [1, 3]
    await put(desk, row, "sending", recipients=3)
    await desk.campaigns.pause(RESTAURANT, row.number)
    resumed = await desk.campaigns.resume(RESTAURANT, row.number)
    assert (resumed.state, resumed.epoch) == ("sending", 5)
    assert [each.epoch for each in desk.went_on] == [5]
    assert len(await desk.events("FreezeDue")) == 2


async def test_a_freezing_that_was_interrupted_goes_on_freezing(desk: Desk) -> None:
    """Recipients are in the ledger, but not all of them."""
    row = await desk.campaign()
    await put(desk, row, "paused", recipients=50_000, frozen_after='{"wave": 0}')
    assert (await desk.campaigns.resume(RESTAURANT, row.number)).state == "freezing"
    assert desk.went_on == []


async def test_the_table_of_moves_is_kept(desk: Desk) -> None:
    """From every state, every command goes where the table lets it, or is refused and changes nothing."""
    commands: dict[str, tuple[Callable[[UUID, int], Awaitable[CampaignRow]], State]] = {
        "pause": (desk.campaigns.pause, "paused"),
        "cancel": (desk.campaigns.cancel, "cancelled"),
        "unschedule": (desk.campaigns.unschedule, "draft"),
    }
    for state, (command, to) in itertools.product(STATES, commands.values()):
        row = await desk.campaign()
        await put(desk, row, state)
        before = await desk.campaigns.one(RESTAURANT, row.number)
        if to in MOVES[state] or to == state:
            after = await command(RESTAURANT, row.number)
            assert (after.state, after.epoch) == (to, int(to != state)), (state, to)
        else:
            told = await refusal(command(RESTAURANT, row.number))
            assert (told.kind, told.members["campaign_state"]) == ("conflict", state), (state, to)
            assert await desk.campaigns.one(RESTAURANT, row.number) == before


@pytest.mark.parametrize("state", ["paused", "cancelled"])
async def test_what_was_stopped_is_not_started_again(desk: Desk, state: State) -> None:
    """Who wants it to go on resumes it; and nobody is mailed again by a start."""
    row = await desk.campaign()
    await put(desk, row, state)
    assert (await refusal(desk.campaigns.start(RESTAURANT, row.number))).kind == "conflict"
    assert await desk.events("FreezeDue") == []


async def test_a_race_of_all_commands_leaves_one_story(desk: Desk) -> None:
    """Start, pause, resume and cancel at once, many times: the states told are a walk in the table of moves."""
    row = await desk.campaign()
    commands = [desk.campaigns.start, desk.campaigns.pause, desk.campaigns.resume] * 8 + [desk.campaigns.cancel]
    await asyncio.gather(*(command(RESTAURANT, row.number) for command in commands), return_exceptions=True)
    walk: list[State] = ["draft", *(event["state"] for event in await desk.events("CampaignMoved"))]
    assert all(to in MOVES[state] for state, to in itertools.pairwise(walk)), walk
    assert walk[-1] == "cancelled"
    assert (await desk.campaigns.one(RESTAURANT, row.number)).epoch == len(walk) - 1
