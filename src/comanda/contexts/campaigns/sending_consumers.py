"""How campaigns react to what is due in their sending: pages are frozen, chunks are sent."""

from comanda.contexts.campaigns.freezing import Freezing
from comanda.contexts.campaigns.sending import Sending
from comanda.contracts.campaigns import ChunkDue, FreezeDue
from comanda.engine.lanes import Consumer, OutsideConsumer, Retries

FREEZE_RETRIES = Retries(limit=1000, first_s=0.5, most_s=60.0)
SEND_RETRIES = Retries(limit=10_000, first_s=0.5, most_s=60.0)
"""A chain of events that became a dead letter would leave people waiting; days of trying cost little."""

CALL_S = 900.0
"""How long a chunk may take: a slow server takes seconds for each mail."""

PATIENCE_S = 0.02
"""How long a batch of chunks waits for its slowest: hardly, so that the next chunks are claimed meanwhile."""


def consumers(freezing: Freezing, sending: Sending) -> list[Consumer]:
    """Return the consumers."""
    return [
        Consumer(
            name="campaigns.freeze",
            on=(FreezeDue,),
            handle=freezing.freeze,
            batch=1,
            retries=FREEZE_RETRIES,
            share=5,
        ),
        OutsideConsumer(
            name="campaigns.send",
            on=(ChunkDue,),
            claim=sending.claim,
            perform=sending.perform,
            conclude=sending.conclude,
            claim_all=sending.claim_all,
            conclude_all=sending.conclude_all,
            ordered=False,
            batch=4,
            concurrency=16,
            patience_s=PATIENCE_S,
            call_s=CALL_S,
            retries=SEND_RETRIES,
        ),
    ]
