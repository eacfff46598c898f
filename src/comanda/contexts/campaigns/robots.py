"""Whether a hit looks like a machine's doing. Simple rules, each with its reason; pure.

Mail gateways open every link of a mail as it arrives, and some mail programs load all pictures beforehand. Google's
picture proxy fetches when a person reads, so that it counts as one.
"""

import re

SCANNERS = re.compile(
    r"bot\b|crawl|spider|scan|preview|barracuda|mimecast|proofpoint|ironport|symantec|trendmicro|safelinks|"
    r"urldefense|headless|python-|curl/|wget|go-http|java/|okhttp|libwww|axios|node-fetch|phantom",
    re.IGNORECASE,
)
PERSONS = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
PREFETCHES = re.compile(r"^Mozilla/5\.0$")
"""What Apple's mail privacy sends: it loads the pictures of every mail, read or not."""


def is_robot(agent: str, *, purpose: str = "") -> bool:
    """Return whether a hit looks like a machine's.

    Args:
        agent: the User-Agent, empty where none was sent.
        purpose: `Sec-Purpose`, `Purpose` or `X-Purpose`, where one was sent.
    """
    if "prefetch" in purpose.lower() or "preview" in purpose.lower():
        return True
    if PERSONS.search(agent):
        return False
    return not agent or bool(PREFETCHES.fullmatch(agent) or SCANNERS.search(agent))
