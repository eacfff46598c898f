"""The ledger's statement: how often each recipient was mailed, counted from what is known of each. Reads only."""

import msgspec

from comanda.engine.database import Database, Transaction

STATEMENT = """
WITH doubtful AS MATERIALIZED (
    SELECT DISTINCT recipient FROM campaigns.failures WHERE campaign = $1 AND kind = 'uncertain'
), counted AS (
    SELECT d.accepted, d.state, u.recipient IS NOT NULL AS doubtful
    FROM campaigns.deliveries d LEFT JOIN doubtful u ON u.recipient = d.recipient WHERE d.campaign = $1
)
SELECT count(*) AS recipients,
    count(*) FILTER (WHERE accepted = 0 AND NOT doubtful AND state <> 6) AS never,
    count(*) FILTER (WHERE accepted = 1) AS once,
    count(*) FILTER (WHERE accepted = 0 AND (doubtful OR state = 6)) AS uncertain,
    count(*) FILTER (WHERE accepted > 1) AS twice,
    count(*) FILTER (WHERE accepted = 1 AND doubtful) AS perhaps_twice
FROM counted
"""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """How often the recipients of a campaign were mailed.

    Attributes:
        recipients: all; the sum of never, once, uncertain and twice.
        never: whose mail was certainly not accepted: pending, refused, suppressed.
        once: whose mail was accepted at one attempt that is known.
        uncertain: of whom no attempt is known to have been accepted, and one may have been.
        twice: for whom two attempts are known to have been accepted.
        perhaps_twice: those among `once` for whom another attempt may have been accepted: they were sent to again
            without knowing (`at_least_once`), or the answer was lost and became known later.
    """

    recipients: int
    never: int
    once: int
    uncertain: int
    twice: int
    perhaps_twice: int


async def statement(reader: Database | Transaction, campaign: int) -> Statement:
    """Return a campaign's statement. It reads the whole ledger: about 0.2 s for a million recipients."""
    row = await reader.fetch_row(STATEMENT, campaign)
    if row is None:
        raise AssertionError("An aggregate has one row.")
    return Statement(**row)
