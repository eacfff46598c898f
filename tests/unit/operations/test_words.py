"""Figures as they are read: words, charts, and bars in a terminal."""

import re
from datetime import timedelta

import pytest

from comanda.engine.monitoring import LaneOverview, LaneWorker, MinuteFigures
from comanda.operations.chart import HEIGHT, chart
from comanda.operations.parked_form import chosen_by
from comanda.operations.terminal import sparks
from comanda.operations.words import condition, count, rate, shards_of, since, span
from comanda.web.tally import kind_of
from tests.fakes.clock import START


def lane(
    *, alive: bool = True, paused: bool = False, age_s: float = 0.0, waiting: int = 0, dead: int = 0
) -> LaneOverview:
    """Return a lane."""
    return LaneOverview(
        lane="bells.ring",
        events=["test.Rung"],
        shards=16,
        ordered=True,
        paused_at=START if paused else None,
        backlog=0,
        exact=True,
        age_s=age_s,
        in_per_s=0,
        out_per_s=0,
        failed_hour=0,
        dead_hour=0,
        handled_ever=0,
        failed_ever=0,
        dead_ever=0,
        busy_ever_s=0,
        waiting=waiting,
        dead=dead,
        workers=[LaneWorker(id=1, host="box", pid=7, alive=alive, hung=False, shards=[0], left_s=9)],
        minutes=[MinuteFigures()] * 60,
    )


def test_the_worst_that_is_true_is_told() -> None:
    """What a person did first, then what nobody works at, then what is lost, late, or only waits."""
    assert condition(lane()) == "well"
    assert condition(lane(waiting=1)) == "retrying"
    assert condition(lane(waiting=1, age_s=61)) == "behind"
    assert condition(lane(age_s=61, dead=1)) == "dead letters"
    assert condition(lane(dead=1, alive=False)) == "unattended"
    assert condition(lane(dead=1, alive=False, paused=True)) == "paused"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (12.3, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (86400 * 3 + 7200, "3 d 2 h"),
    ],
)
def test_spans_of_time(seconds: float, told: str) -> None:
    """By their two largest units."""
    assert span(seconds) == told


def test_moments_before_and_after() -> None:
    """How long ago, or how long until."""
    assert since(START - timedelta(minutes=3), START) == "3 min ago"
    assert since(START + timedelta(seconds=20), START) == "in 20 s"


def test_numbers() -> None:
    """Short ones are exact, long ones and estimates say that they are not."""
    assert [count(1234), count(1234, exact=False), count(250_000), count(12_300_000)] == [
        "1,234",
        "≈ 1,234",
        "≈ 250 k",
        "≈ 12.3 M",
    ]
    assert [rate(0), rate(0.05), rate(0.5), rate(12.4), rate(1234)] == ["0", "0.05/s", "0.5/s", "12/s", "1,234/s"]
    assert shards_of([0, 1, 2, 8, 10, 11]) == "0–2, 8, 10–11"  # noqa: RUF001 - a range's dash
    assert shards_of([]) == ""


def test_a_chart_fits_its_frame() -> None:
    """Sixty minutes, the highest as high as the frame, what failed on top of what was handled, in words as well."""
    minutes = [MinuteFigures(handled=n, failed=60 - n if n == 30 else 0) for n in range(60)]
    drawn = str(chart(minutes))
    bars = re.findall(r"M(\d+) ([\d.]+)h2v([\d.]+)", drawn)
    assert len(bars) == 60, "59 minutes in which something was handled, and one part that failed"
    assert all(float(top) >= 0 and float(top) + float(height) <= HEIGHT for _, top, height in bars)
    assert max(int(x) for x, _, _ in bars) == 59 * 3
    assert "1,770 handled, 30 failed; at most 60 in a minute" in drawn
    assert re.findall(r"h2v", str(chart([MinuteFigures()] * 60))) == []


def test_bars_in_a_terminal() -> None:
    """A character for four minutes; red where something failed, even where nothing was handled."""
    minutes = [MinuteFigures()] * 52 + [MinuteFigures(failed=1)] * 4 + [MinuteFigures(handled=10)] * 4
    line = sparks(minutes)
    assert line.plain == " " * 13 + "▁█"
    assert [str(part.style) for part in line.spans][-2:] == ["red", "green"]


def test_the_filter_of_a_form() -> None:
    """Empty fields say nothing."""
    assert chosen_by("bells.ring", {"which": "", "event": "", "key": "", "error": ""}).wide
    chosen = chosen_by("bells.ring", {"which": "dead", "error": "full"}, ids=["7"])
    assert (chosen.state, chosen.error, chosen.ids, chosen.key) == ("dead", "full", (7,), None)


def test_kinds_of_requests() -> None:
    """Programs, staff, files, probes, and guests' pages."""
    paths = ("/api/v1/orders", "/static/x.css", "/staff/orders", "/ops", "/livez", "/metrics", "/r/demo")
    assert [kind_of(path) for path in paths] == ["api", "static", "staff", "staff", "probe", "probe", "page"]
