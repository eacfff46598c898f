"""`comanda events`, as an engineer has it."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from comanda.cli.main import app
from comanda.contracts.events import EVENTS


def _run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["events", "--data", str(data), *arguments], env={"COLUMNS": "200"})


def test_it_lists_every_event_with_its_lanes(tmp_path: Path) -> None:
    """One line for each, and one for each further lane."""
    listed = _run(tmp_path)
    assert listed.exit_code == 0, listed.output
    lines = [line.split() for line in listed.output.splitlines()]
    assert ["ordering.OrderPlaced", "1", "order_id", "payments.charge"] in lines
    assert ["catalog.MenuPublished", "1", "restaurant_id", "no", "lane"] in lines
    assert {kind.name for kind in EVENTS} <= {line[0] for line in lines if line}


def test_it_prints_the_document_that_the_house_answers_with(tmp_path: Path) -> None:
    """For a build that has no house to ask."""
    printed = _run(tmp_path, "--asyncapi")
    assert json.loads(printed.output)["asyncapi"] == "3.0.0"


def test_it_writes_schemas_and_refuses_to_break_one(tmp_path: Path) -> None:
    """A field that goes from a published version is told in one sentence, and nothing is written."""
    folder = tmp_path / "events"
    folder.mkdir()
    written = _run(tmp_path, "--write", str(folder))
    assert len(written.output.splitlines()) == len(EVENTS) == len(list(folder.iterdir()))
    assert _run(tmp_path, "--write", str(folder)).output == ""
    file = folder / "receipts.ReceiptSent.v1.json"
    published = json.loads(file.read_text())
    published["schema"]["properties"]["stamp"] = {"type": "string"}
    file.write_text(json.dumps(published))
    refused = _run(tmp_path, "--write", str(folder))
    assert "the field `stamp` of the event is gone" in str(refused.exception)
    assert json.loads(file.read_text()) == published
