"""A report for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from comanda.replay.report import Report


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    rows = [
        ("Orders", f"{report.orders:,}", f"of {report.orders_in_file:,} in the file"),
        ("Total", _money(report.total), f"of {_money(report.total_in_file)} in the file"),
        ("First answers", f"{report.fresh:,}", f"{report.clicks} clicks at once for each order"),
        ("Replays", f"{report.replays:,}", "the same answer again, byte for byte"),
        ("409 for reloads", f"{report.conflicts:,}", "each names its order"),
        ("Cut connections", f"{report.cuts:,}", "before the answer, then sent again"),
        ("Requests", f"{report.requests:,}", f"{report.retried:,} of them again because nobody had answered"),
        (
            "Time",
            f"{report.seconds:,.1f} s",
            f"{report.orders_per_s:,.0f} orders/s, {report.requests_per_s:,.0f} req/s",
        ),
        ("A click takes", f"{report.p50_ms:,.1f} ms", f"p50; {report.p99_ms:,.1f} ms p99"),
    ]
    if report.stored is not None:
        rows.insert(2, ("In the database", f"{report.stored.orders:,}", f"for {_money(report.stored.total)}"))
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()
    console.print(f"Restaurant {report.restaurant}, seed {report.seed}.")
    for problem in report.problems:
        console.print(Text(problem, "red"), soft_wrap=True)
    if report.wrong > len(report.problems):
        console.print(f"… and {report.wrong - len(report.problems):,} more")
    good = "Each order was made once, for what it costs in the file."
    verdict = good if report.good else f"{report.wrong:,} things are not as they must be."
    console.print(Text(verdict, "bold green" if report.good else "bold red"))


def _money(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02}"
