"""Traces: which request a piece of work belongs to, from the click to the other side's answer."""

from comanda.engine.tracing.context import begun, continued, current, keyed, trace_id_of, trace_of, valid
from comanda.engine.tracing.quiet import QuietSpan, QuietTracer
from comanda.engine.tracing.tracer import Kind, Span, Tracer, Value, spanning
from comanda.engine.tracing.traces_url import from_url

__all__ = [
    "Kind",
    "QuietSpan",
    "QuietTracer",
    "Span",
    "Tracer",
    "Value",
    "begun",
    "continued",
    "current",
    "from_url",
    "keyed",
    "spanning",
    "trace_id_of",
    "trace_of",
    "valid",
]
