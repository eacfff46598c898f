"""What a drill tells people."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.console import Console

from comanda.drill.report import Broken, Report
from comanda.drill.table import show
from comanda.drill.timeline import Moment
from comanda.drill.verdict import Counts, Finding

COUNTS = Counts(
    intents=90,
    left=5,
    answered=85,
    answers=200,
    stored=88,
    unanswered=3,
    paid=80,
    charges=80,
    declined=8,
    given_up=0,
    tickets=80,
    mails=80,
)


def _report(**changed: Any) -> Report:
    values: dict[str, Any] = {
        "seed": 4711,
        "planned": 8,
        "struck": 8,
        "faults": {"kill": {"worker": 3}},
        "seconds": 12.0,
        "drained_s": 3.0,
        "clicks": 300,
        "silence_s": 1.5,
        "refused": 2,
        "counts": COUNTS,
        "lost": 0,
        "doubled": 0,
        "wrong": 0,
        "uncertain": 0,
        "findings": (),
        "undrained": (),
        "ended": (),
        "crashes": (),
        "audit_wrong": 0,
        "audit": (),
        "broken": (),
    }
    return Report(**values | changed)


def _told(report: Report) -> str:
    output = StringIO()
    show(report, Console(file=output, width=120))
    return output.getvalue()


def test_a_good_drill_says_so_with_its_figures() -> None:
    """What struck, what guests were answered, and what stands in the books."""
    told = _told(_report())
    assert "None lost, none doubled (seed 4711)." in told
    assert "kill: worker 3" in told


def test_a_broken_drill_gives_the_seed_and_the_story() -> None:
    """The command that strikes again, the order that broke line by line, and where its data are."""
    finding = Finding(fate="lost", message="Order 12 is paid, and the provider has no charge.", intent=3, order="o-12")
    moment = Moment(at=datetime(2026, 11, 24, 12, tzinfo=UTC), place="payment", what="p is captured after 2 calls")
    report = _report(
        lost=1, findings=(finding,), broken=(Broken(finding=finding, timeline=(moment,)),), kept="/kept/drill-x"
    )
    told = _told(report)
    assert not report.good
    assert "comanda drill --seed 4711 --faults 8" in told
    assert "lost: Order 12 is paid, and the provider has no charge." in told
    assert "12:00:00.000000 payment   p is captured after 2 calls" in told
    assert "/kept/drill-x" in told
    assert "None lost" not in told


def test_doubt_alone_breaks_no_drill_and_anything_else_does() -> None:
    """What was not done in the end, a process that ended, a crash and the audit's findings count as well."""
    doubt = Finding(fate="uncertain", message="Nobody knows.")
    assert _report(uncertain=1, findings=(doubt,)).good
    assert "uncertain: Nobody knows." in _told(_report(uncertain=1, findings=(doubt,)))
    for broken in (
        {"lost": 1},
        {"doubled": 1},
        {"wrong": 1},
        {"undrained": ("x",)},
        {"ended": ("x",)},
        {"crashes": ("x",)},
        {"audit_wrong": 1},
    ):
        assert not _report(**broken).good
