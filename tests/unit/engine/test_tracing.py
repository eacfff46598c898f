"""The trace context: what is taken over, what goes on in it, and what is recorded nowhere."""

import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.engine.tracing import (
    QuietTracer,
    begun,
    continued,
    current,
    from_url,
    keyed,
    spanning,
    trace_id_of,
    trace_of,
    valid,
)

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{ID}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (GOOD, GOOD),
        (f"00-{ID}-{SPAN}-00", f"00-{ID}-{SPAN}-00"),
        (f"00-{ID}-{SPAN}-ff", GOOD),
        (f"01-{ID}-{SPAN}-01", GOOD),
        (f"cc-{ID}-{SPAN}-01-what-the-future-brings", GOOD),
    ],
)
def test_a_good_header_is_gone_on_from(header: str, taken: str) -> None:
    """Of a later version we take the parts that we know, and of the flags the one that we know."""
    assert valid(header) == taken


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        GOOD + "-more",
        f"cc-{ID}-{SPAN}-01.what",
        f"ff-{ID}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        GOOD.upper(),
        f"00-{ID[:-1]}-{SPAN}-01",
        f"00-{ID}-{SPAN}-1",
        f" {GOOD}",
        f"{GOOD} ",
        f"00-{ID}-{SPAN}-zz",
    ],
)
def test_a_bad_header_is_let_go(header: str) -> None:
    """What the standard (W3C Trace Context, 3.2.2) calls invalid begins a new trace."""
    assert valid(header) is None


@given(st.text(alphabet=string.hexdigits + "- ", max_size=70))
def test_whatever_is_taken_has_the_standards_form(header: str) -> None:
    """No header makes us pass on something else than version 00."""
    taken = valid(header)
    assert taken is None or valid(taken) == taken


@given(st.uuids(version=4))
def test_a_new_trace_has_the_standards_form(new: UUID) -> None:
    """An id of ours is a good trace id, and nobody is told to record it."""
    made = begun(new)
    assert valid(made) == made
    assert made.endswith("-00")
    assert trace_id_of(made) == new.hex


def test_an_event_belongs_to_its_keys_trace() -> None:
    """In a group each key has its own; one without, and one that is not of the group, has what is current."""
    assert (current(), trace_of("a")) == (None, None)
    with continued("outer"):
        with keyed({"a": "of a", "b": None}):
            assert [trace_of(key) for key in "abc"] == ["of a", "outer", "outer"]
            with continued("inner"):
                assert trace_of("a") == "inner"
            assert trace_of("a") == "of a"
        assert trace_of("a") == "outer"
        with continued(None):
            assert trace_of("a") is None
    assert current() is None


def test_what_nobody_records_still_goes_on() -> None:
    """A quiet span passes on its parent; a batch's has a trace only where all its events are of one."""
    tracer = QuietTracer()
    assert tracer.begin("x", parent=GOOD).traceparent == GOOD
    assert tracer.begin("x", links=[GOOD, GOOD]).traceparent == GOOD
    assert tracer.begin("x", links=[GOOD, "other"]).traceparent is None
    with continued(GOOD), spanning(tracer, "x") as span:
        assert current() == span.traceparent == GOOD


@pytest.mark.parametrize("url", ["otlp://host", "otlp+http:", "otlp+http://host?share=2", "otlp+http://host?share=all"])
def test_a_wrong_setting_says_what_to_write(url: str) -> None:
    """Before anything starts."""
    with pytest.raises(SettingError, match=r"write off: or otlp\+http://host:4318, with \?share=0\.1"):
        from_url(url, service="test")


def test_nothing_is_loaded_where_traces_are_off() -> None:
    """`off:` is the quiet tracer."""
    assert isinstance(from_url("off:", service="test"), QuietTracer)
