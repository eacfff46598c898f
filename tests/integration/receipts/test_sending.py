"""One receipt for each paid order, whatever the mail server does, in each case in which that can be known."""

import asyncio
import email
import email.policy
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from comanda.contracts.receipts import ReceiptSent
from comanda.engine.database import Database
from comanda.engine.errors import RetryLater, SlowDown
from comanda.mail import Policy
from tests.fakes.full_orders import full_order, full_order_paid
from tests.fakes.smtp_server import ACCEPT_AND_CUT, CUT, SILENCE, ScriptedSmtp, Step
from tests.integration.receipts.office import Office, smtp_mailer

PAID = full_order_paid(1)

STEPS: tuple[Step, ...] = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content")

ODD_NAMES = (
    "Evil\r\nBcc: thousands@example.com",
    "\x07\x7f",
    "🍕" * 3000,
    "سارة",
    '"quoted", <b>',
    "\u202egnp.exe",
    "",
)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A mail server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def office(database: Database, server: ScriptedSmtp, tmp_path: Path) -> AsyncIterator[Office]:
    """A worker's receipts."""
    office = Office(database, tmp_path, smtp_mailer(server.port))
    yield office
    await office.courier.stop()


async def hang_up(office: Office, server: ScriptedSmtp) -> None:
    """Make the next mail open a connection of its own."""
    await office.courier.stop()
    server.hang_up()


async def told(database: Database) -> list[ReceiptSent]:
    """Return the facts that were told about receipts."""
    rows = await database.fetch("SELECT payload FROM engine.events WHERE name = 'receipts.ReceiptSent'")
    return [msgspec.json.decode(row["payload"], type=ReceiptSent) for row in rows]


async def test_a_paid_order_gets_its_receipt(office: Office, server: ScriptedSmtp) -> None:
    """The mail goes to the guest in the restaurant's name, is stored as files, and is told as a fact."""
    assert await office.work(PAID)
    (mail,) = (email.message_from_bytes(each, policy=email.policy.default) for each in server.accepted)
    status = await office.status(PAID)
    assert (status.state, status.attempts, status.doubtful, status.answer) == ("sent", 1, 0, "250 kept")
    assert mail["From"] == "Trattoria Ñandú <orders@comanda.example>"
    assert mail["To"] == "Ada Lovelace <ada1@example.com>"
    assert mail["Subject"] == "Your receipt from Trattoria Ñandú: order 1"
    assert mail["Message-ID"] == f"<receipt-{status.id}@comanda.example>" == status.message_id
    html, text = (mail.get_body((kind,)) for kind in ("html", "plain"))
    assert html is not None
    assert text is not None
    assert status.html_file is not None
    stored_html = await office.files.get(status.html_file)
    stored_text = await office.files.get(status.html_file.removesuffix("html") + "txt")
    assert html.get_content().split() == stored_html.decode().split()
    assert text.get_content().split() == stored_text.decode().split()
    assert "€25.10" in stored_text.decode()
    (fact,) = await told(office.database)
    assert (fact.order_id, fact.receipt_id, fact.message_id) == (PAID.order_id, status.id, status.message_id)
    assert fact.sent_at == status.sent_at


async def test_told_twice_sent_once(office: Office, server: ScriptedSmtp) -> None:
    """An event that is delivered again, alone or many at once, mails nothing more."""
    await office.work(PAID)
    assert not any(await asyncio.gather(*(office.work(PAID) for _ in range(10))))
    assert len(server.accepted) == 1
    assert len(await told(office.database)) == 1


async def test_many_workers_at_once(office: Office, server: ScriptedSmtp) -> None:
    """Workers of one machine that handle the same event at the same time mail once."""
    await asyncio.gather(*(office.work_until_done(PAID, most=1000) for _ in range(8)), return_exceptions=True)
    assert len(server.accepted) == 1
    assert len(await told(office.database)) == 1


async def test_refused_for_now(office: Office, server: ScriptedSmtp) -> None:
    """After 4xx at any step the receipt is sent later, once and without doubt, and the lane hears "slow down"."""
    for number, (step, answer) in enumerate(itertools.product(STEPS, ("421 too busy", "450 later")), start=1):
        paid = full_order_paid(number)
        await hang_up(office, server)
        server.order(step, answer, times=2)
        with pytest.raises(SlowDown):
            await office.work(paid)
        assert await office.work_until_done(paid) == 2, (step, answer)
        status = await office.status(paid)
        assert (status.state, status.attempts, status.doubtful) == ("sent", 3, 0), (step, answer)
        assert len(server.accepted) == number, (step, answer)


async def test_refused_for_good(office: Office, server: ScriptedSmtp) -> None:
    """After 5xx the receipt has failed, with the server's words; it is not tried again, and the next one goes out."""
    for number, step in enumerate(STEPS[2:], start=1):
        paid = full_order_paid(number)
        server.order(step, "550 no such user")
        assert await office.work(paid), step
        status = await office.status(paid)
        assert (status.state, status.answer, status.sent_at) == ("failed", "550 no such user", None), step
        assert not await office.work(paid), step
        assert await told(office.database) == []
    await office.work(full_order_paid(99))
    assert len(server.accepted) == 1


async def test_cut_before_the_content(office: Office, server: ScriptedSmtp) -> None:
    """A connection that breaks before the content went out leaves no doubt: one receipt."""
    for number, step in enumerate(STEPS[:-1], start=1):
        paid = full_order_paid(number)
        await hang_up(office, server)
        server.order(step, CUT, times=2)
        await office.work_until_done(paid)
        status = await office.status(paid)
        assert (status.state, status.doubtful) == ("sent", 0), step
        assert len(server.accepted) == number, step


async def test_cut_after_the_content(database: Database, server: ScriptedSmtp, tmp_path: Path) -> None:
    """What cannot be known follows the policy, is counted, and a second copy bears the same Message-ID."""
    cases: list[tuple[str, Policy, str, int, int]] = [
        (CUT, "at_least_once", "sent", 1, 1),
        (SILENCE, "at_least_once", "sent", 1, 1),
        (ACCEPT_AND_CUT, "at_least_once", "sent", 1, 2),
        (CUT, "at_most_once", "uncertain", 0, 0),
        (ACCEPT_AND_CUT, "at_most_once", "uncertain", 0, 1),
    ]
    for number, (order, policy, state, doubtful, copies) in enumerate(cases, start=1):
        paid = full_order_paid(number)
        office = Office(database, tmp_path, smtp_mailer(server.port), policy=policy)
        server.accepted.clear()
        server.order("content", order)
        await office.work_until_done(paid)
        status = await office.status(paid)
        assert (status.state, status.doubtful) == (state, doubtful), (order, policy)
        assert len(server.accepted) == copies, (order, policy)
        assert all(f"Message-ID: {status.message_id}".encode() in mail for mail in server.accepted)
        assert not await office.work(paid)
        await office.courier.stop()


async def test_sent_and_not_concluded(office: Office, server: ScriptedSmtp) -> None:
    """When the database fails between the mail and the commit, the next try finds the mail in the journal."""
    work = await office.database.run(lambda tx: office.receipts.claim(tx, PAID))
    assert work is not None
    await office.receipts.perform(work)
    assert await office.work(PAID)
    status = await office.status(PAID)
    assert (status.state, status.attempts, status.doubtful, status.answer) == ("sent", 2, 0, "250 kept")
    assert len(server.accepted) == 1


async def test_claimed_and_never_begun(office: Office, server: ScriptedSmtp) -> None:
    """A receipt whose worker died before it began is sent without doubt: the journal knows that nothing was begun."""
    await office.database.run(lambda tx: office.receipts.claim(tx, PAID))
    await office.work(PAID)
    status = await office.status(PAID)
    assert (status.state, status.attempts, status.doubtful) == ("sent", 2, 0)
    assert len(server.accepted) == 1


async def test_a_worker_on_another_machine(office: Office, server: ScriptedSmtp, tmp_path: Path) -> None:
    """A receipt that was claimed on a machine whose journal is not here is sent in doubt, and counted."""
    await office.database.run(lambda tx: office.receipts.claim(tx, PAID))
    elsewhere = Office(office.database, tmp_path / "elsewhere", smtp_mailer(server.port))
    await elsewhere.work(PAID)
    await elsewhere.courier.stop()
    status = await office.status(PAID)
    assert (status.state, status.attempts, status.doubtful) == ("sent", 2, 1)


async def test_an_outcome_is_written_once(office: Office) -> None:
    """A worker that was overtaken cannot conclude a second time."""
    work = await office.database.run(lambda tx: office.receipts.claim(tx, PAID))
    assert work is not None
    outcome = await office.receipts.perform(work)
    for _ in range(3):
        await office.database.run(lambda tx: office.receipts.conclude(tx, work, outcome))
    assert len(await told(office.database)) == 1


async def test_the_constraint_alone_holds(office: Office) -> None:
    """The database itself refuses a second receipt for an order, and a sent one without its time."""
    await office.work(PAID)
    copy = """
        INSERT INTO receipts.receipts SELECT (jsonb_populate_record(r, jsonb_build_object(
            'id', gen_random_uuid(), 'message_id', 'other', 'order_id', coalesce($1::uuid, gen_random_uuid()),
            'sent_at', CASE WHEN $2 THEN now() END))).*
        FROM receipts.receipts r
    """
    with pytest.raises(asyncpg.UniqueViolationError, match="receipts_one_per_order"):
        await office.database.fetch(copy, PAID.order_id, True)
    with pytest.raises(asyncpg.CheckViolationError, match="receipts_sent_has_time"):
        await office.database.fetch(copy, None, False)


async def test_no_mail_server(office: Office, server: ScriptedSmtp) -> None:
    """While the mail server is away the receipt waits; when it is back, it is sent."""
    await server.stop()
    for _ in range(3):
        with pytest.raises(RetryLater, match="No connection"):
            await office.work(PAID)
    assert (await office.status(PAID)).state == "sending"
    await server.start()
    await office.work(PAID)
    assert (await office.status(PAID)).doubtful == 0
    assert len(server.accepted) == 1


async def test_odd_names(office: Office, server: ScriptedSmtp) -> None:
    """Whatever a guest and a restaurant are called, the receipt goes to the guest alone."""
    for number, name in enumerate(ODD_NAMES, start=1):
        guest = msgspec.structs.replace(full_order(number).guest, name=name)
        paid = full_order_paid(number, guest=guest, restaurant_name=name)
        await office.work(paid)
        assert server.envelopes[-1][1:] == [f"RCPT TO:<ada{number}@example.com>"], name
        assert b"\r\nBcc" not in server.accepted[-1].partition(b"\r\n\r\n")[0], name
        assert (await office.status(paid)).state == "sent", name
