"""Conditional requests (RFC 9110, section 13): what a client has is compared with what there is."""

import re

from comanda.engine.errors import Refused

_TAGS = re.compile(r'\s*(?:W/)?("[^"]*")\s*(?:,|$)')
_EDITS = re.compile(r'\s*"?(\d{1,9})"?\s*')


def has_it(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has what `etag` names already. Weak tags are compared by what they name (section 8.8.3.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAGS.findall(if_none_match)


def edits_of(if_match: str | None) -> int | None:
    """Return the number of edits that an `If-Match` names (0 for none); None where there is no condition."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _EDITS.fullmatch(if_match)
    if found is None:
        raise Refused('If-Match holds the draft\'s edits, such as "3".', kind="malformed", code="malformed-if-match")
    return int(found[1])
