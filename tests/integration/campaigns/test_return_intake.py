import aiosmtplib
import msgspec
import pytest

from comanda.contexts.campaigns.return_intake import ReturnIntake
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.service import running
from comanda.mail.returns.listener import ReturnsListener
from comanda.mail.returns.marks import Mark, Marks
from comanda.mail.returns.reading import Return, ReturnKind
from tests.fakes.clock import FakeClock
from tests.fakes.returned_mails import delivery_report

MARKS = Marks([b"a key of sixteen octets"])


async def emitted(database: Database) -> list[dict[str, object]]:
    """What stands in the log, and under which key."""
    rows = await database.fetch("SELECT key, payload::text AS payload FROM engine.events ORDER BY id")
    return [{"key": row["key"]} | msgspec.json.decode(row["payload"]) for row in rows]


async def test_a_bounce_by_smtp_is_in_the_log(database: Database, clock: FakeClock) -> None:
    """When the sender has heard 250, the event is committed, with the server's code and words."""
    intake = ReturnIntake(database, EventLog(Waker(database)), clock)
    listener = ReturnsListener(host="127.0.0.1", port=0, marks=MARKS, take=intake.take)
    async with running([listener]):
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False) as client:
            await client.sendmail("", [MARKS.bounce_address(7, 8, "m.example")], delivery_report("<x@y>"))
        (event,) = await emitted(database)
    expected = {"key": "7:8", "mail": "7:8", "campaign": 7, "recipient": 8, "kind": "hard", "status": "5.1.1"}
    assert event.items() >= expected.items()
    assert "User unknown" in str(event["words"])


async def test_words_with_a_nul_can_be_stored(database: Database, clock: FakeClock) -> None:
    """A server's words that PostgreSQL could not hold do not keep the bounce from being taken."""
    intake = ReturnIntake(database, EventLog(Waker(database)), clock)
    await intake.take(Return("soft", Mark(7, 8), "4.2.2", "full\0box"))
    assert [event["words"] for event in await emitted(database)] == ["fullbox"]


@pytest.mark.parametrize(("kind", "mark"), [("hard", None), ("delayed", Mark(7, 8)), ("auto_reply", Mark(7, 8))])
async def test_what_does_not_matter_is_let_go(
    database: Database, clock: FakeClock, kind: ReturnKind, mark: Mark | None
) -> None:
    """Nothing is emitted for mails of others, delays and absence notes."""
    await ReturnIntake(database, EventLog(Waker(database)), clock).take(Return(kind, mark))
    assert await emitted(database) == []
