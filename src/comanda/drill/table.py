"""A report for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from comanda.drill.report import MOST_LISTED, Broken, Report


def show(report: Report, console: Console) -> None:
    """Print a report."""
    counts = report.counts
    rows = [
        ("Faults", report.struck, f"of {report.planned} planned"),
        ("Intents", counts.intents, f"{report.clicks:,} requests; {counts.left:,} guests left after a broken one"),
        ("Answered by 201", counts.answered, f"{counts.answers:,} such answers in all"),
        ("Orders stored", counts.stored, f"{counts.unanswered:,} of them of guests who left"),
        ("Paid", counts.paid, f"{counts.declined:,} cards declined, {counts.given_up:,} not charged in time"),
        ("Provider's ledger", counts.charges, "successful charges"),
        ("Tickets", counts.tickets, "in the kitchen"),
        ("Mail server's log", counts.mails, "receipts accepted"),
        ("Lost", report.lost, "told or paid, and not there"),
        ("Doubled", report.doubled, "there more than once"),
        ("Wrong", report.wrong, "neither, and not as it must be"),
        ("Uncertain", report.uncertain, "what nobody can know, and says so"),
        ("Audit", report.audit_wrong, "things wrong in the database beside the books"),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for name, number, note in rows:
        bad = number and name in {"Lost", "Doubled", "Wrong", "Audit"}
        table.add_row(name, Text(f"{number:,}", "bold red" if bad else ""), note)
    console.print(table)
    console.print()
    for kind, whom in report.faults.items():
        told = ", ".join(f"{target} {times}" for target, times in whom.items())
        console.print(Text(f"{kind}: ", "dim") + Text(told))
    console.print()
    console.print(
        f"{report.seconds:.0f} s of orders and faults, then drained in {report.drained_s:.0f} s; the longest time "
        f"without a new 201 was {report.silence_s:.1f} s; {report.refused:,} times a worker that was late "
        "stopped, or was refused its commit."
    )
    _show_findings(report, console)
    for broken in report.broken:
        _show_story(broken, console)
    console.print()
    if report.good:
        console.print(Text(f"None lost, none doubled (seed {report.seed}).", "bold green"))
        return
    again = f"comanda drill --seed {report.seed} --faults {report.planned}"
    console.print(Text(f"Not as it must be. The same faults again: {again}", "bold red"), soft_wrap=True)
    if report.kept:
        console.print(f"The system's data and log are kept in {report.kept}", soft_wrap=True)


def _show_findings(report: Report, console: Console) -> None:
    for finding in report.findings:
        style = "yellow" if finding.fate == "uncertain" else "red"
        console.print(Text(f"{finding.fate}: {finding.message}", style), soft_wrap=True)
    in_all = report.lost + report.doubled + report.wrong + report.uncertain
    if in_all > MOST_LISTED:
        console.print(f"… and {in_all - MOST_LISTED:,} more")
    for sentence in (*report.undrained, *report.ended, *report.crashes, *report.audit):
        console.print(Text(sentence, "red"), soft_wrap=True)


def _show_story(broken: Broken, console: Console) -> None:
    finding = broken.finding
    console.print()
    console.print(Text(f"Order {finding.order or 'none'} of intent {finding.intent or 'unknown'}:", "bold"))
    for moment in broken.timeline:
        line = Text(f"  {moment.at:%H:%M:%S.%f} ", "dim") + Text(f"{moment.place:9} ", "cyan") + Text(moment.what)
        console.print(line, soft_wrap=True)
