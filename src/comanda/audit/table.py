"""A report for people: a table of what was checked, then what is wrong."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from comanda.audit.report import Report


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("What must hold")
    table.add_column("Looked at", justify="right")
    table.add_column("Wrong", justify="right")
    for checked in report.invariants:
        good = checked.wrong == 0
        mark = Text("✓", "green") if good else Text("✗", "bold red")
        wrong = Text("", "dim") if good else Text(f"{checked.wrong:,}", "bold red")
        table.add_row(mark, Text(checked.says), f"{checked.checked:,}", wrong)
    console.print(table)
    for checked in report.invariants:
        if not checked.wrong:
            continue
        console.print()
        console.print(Text(f"{checked.says} Not so ({checked.name}):", "bold red"))
        for finding in checked.findings:
            console.print(Text(f"  {finding.subject}  ", "dim") + Text(finding.message), soft_wrap=True)
        if checked.wrong > len(checked.findings):
            console.print(f"  … and {checked.wrong - len(checked.findings):,} more")
    console.print()
    console.print(", ".join(f"{number:,} {name}" for name, number in report.totals.items()) + ".")
    verdict = f"{len(report.invariants)} invariants hold." if report.clean else f"{report.wrong:,} things are wrong."
    console.print(Text(verdict, "bold green" if report.clean else "bold red"))
