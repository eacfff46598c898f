"""Lanes: cursors within the log, and nothing that waits in one for too long."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

HORIZON = "pg_snapshot_xmin(pg_current_snapshot())"

CURSORS = "SELECT count(*) FROM engine.cursors"
EVENTS = "SELECT count(*) FROM engine.events"
PARKED = "SELECT count(*) FROM engine.parked"

BEYOND = f"""
SELECT format('%s shard %s', consumer, shard) AS subject,
       format('The cursor is at %s, and the log can be read below %s only: events in between will never be read.',
              position, {HORIZON}) AS message
FROM engine.cursors WHERE position > {HORIZON}
UNION ALL
SELECT id::text, format('This event stands at %s, where no transaction has been yet.', position)
FROM engine.events WHERE position > pg_snapshot_xmax(pg_current_snapshot())
"""
"""Both happen when a database is restored into another server, whose transactions count from elsewhere."""

AHEAD = """
SELECT k.event_id AS subject,
       format('%s has parked this event and not passed it: it would be handled twice.', k.consumer) AS message
FROM engine.parked k LEFT JOIN engine.cursors c ON c.consumer = k.consumer AND c.shard = k.shard
WHERE c.shard IS NULL OR (k.position, k.event_id) > (c.position, c.id)
"""

WAITING = """
SELECT k.event_id AS subject,
       format('%s: %s of %s is %s since %s after %s tries: %s', k.consumer, k.name, k.key,
              CASE k.state WHEN 'dead' THEN 'a dead letter' ELSE 'parked' END,
              date_trunc('second', k.parked_at), k.attempts, left(k.error, 200)) AS message
FROM engine.parked k WHERE k.parked_at <= $1
"""

UNREAD = """
SELECT w.consumer AS subject,
       format('%s has not read %s events; the oldest is of %s.', w.consumer, count(*), date_trunc('second', min(e.at)))
           AS message
FROM unnest($2::text[], $3::text[]) AS w (consumer, name)
JOIN engine.events e ON e.name = w.name AND e.at <= $1
LEFT JOIN engine.cursors c ON c.consumer = w.consumer AND c.shard = e.shard
WHERE c.shard IS NULL OR (e.position, e.id) > (c.position, c.id)
GROUP BY w.consumer
"""


async def cursors_below_horizon(evidence: Evidence) -> Checked:
    """No cursor has passed what can still be written."""
    says = "No cursor is beyond the horizon, and no event beyond the present."
    return await evidence.hold("lanes.cursors-below-horizon", says, of=CURSORS, wrong=BEYOND)


async def parked_events_are_passed(evidence: Evidence) -> Checked:
    """What is parked is handled from there alone."""
    says = "A parked event lies behind its consumer's cursor."
    return await evidence.hold("lanes.parked-are-passed", says, of=PARKED, wrong=AHEAD)


async def nothing_parked_for_long(evidence: Evidence) -> Checked:
    """No event is parked or dead beyond the age."""
    says = "No event is parked, or a dead letter, for longer than the age."
    return await evidence.hold(
        "lanes.nothing-parked", says, of=PARKED, wrong=WAITING, arguments=[evidence.settled_before]
    )


async def nothing_unread_for_long(evidence: Evidence) -> Checked:
    """No consumer is behind the log beyond the age."""
    says = "No event is unread for longer than the age."
    wants = [(consumer.name, kind.name) for consumer in evidence.consumers for kind in consumer.on]
    arguments = [evidence.settled_before, [name for name, _ in wants], [kind for _, kind in wants]]
    return await evidence.hold("lanes.nothing-unread", says, of=EVENTS, wrong=UNREAD, arguments=arguments)
