"""A lane's last hour as a small SVG chart: a bar for each minute, with the part that failed on top."""

from collections.abc import Sequence

from markupsafe import Markup

from comanda.engine.monitoring import MinuteFigures

HEIGHT = 40
BAR = 3
"""Units that a minute is wide, a gap of one among them; 60 minutes make 180."""

LEAST = 1.5
"""No bar of a minute in which something happened is lower."""

CHART = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{label}">'
    '<path class="chart-line" d="M0 {height}H{width}"/>'
    '<path class="chart-handled" d="{handled}"/><path class="chart-failed" d="{failed}"/></svg>'
)


def chart(minutes: Sequence[MinuteFigures]) -> Markup:
    """Return the chart. It has no colours of its own: the stylesheet gives them."""
    most = peak(minutes)
    handled, failed = [], []
    for place, minute in enumerate(minutes):
        good, bad = _height(minute.handled, most), _height(minute.failed, most)
        if good:
            handled.append(_bar(place, HEIGHT - good, good))
        if bad:
            failed.append(_bar(place, HEIGHT - good - bad, bad))
    return CHART.format(
        width=len(minutes) * BAR,
        height=HEIGHT,
        label=label(minutes),
        handled="".join(handled),
        failed="".join(failed),
    )


def peak(minutes: Sequence[MinuteFigures]) -> int:
    """Return the most that was handled and failed in one minute."""
    return max((minute.handled + minute.failed for minute in minutes), default=0)


def label(minutes: Sequence[MinuteFigures]) -> str:
    """Return the chart in words, for those who do not see it."""
    handled, failed = sum(minute.handled for minute in minutes), sum(minute.failed for minute in minutes)
    return f"The last hour: {handled:,} handled, {failed:,} failed; at most {peak(minutes):,} in a minute"


def _height(number: int, most: int) -> float:
    return max(LEAST, round(number / most * HEIGHT, 1)) if number else 0.0


def _bar(place: int, top: float, height: float) -> str:
    return f"M{place * BAR} {max(0.0, top):g}h{BAR - 1}v{height:g}h-{BAR - 1}z"
