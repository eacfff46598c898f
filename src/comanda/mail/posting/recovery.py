"""What became of the mails of a journal, read from its files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from comanda.mail.pipeline import Outcome
from comanda.mail.pipeline.replies import Malformed, ReplyReader
from comanda.mail.pipeline.transaction import KINDS, outcome
from comanda.mail.posting import files
from comanda.mail.posting.post import Key
from comanda.mail.posting.records import (
    BEGUN,
    CLOSED,
    HEARD,
    Begun,
    Incoming,
    read_begun,
    read_offset,
    read_told,
    records,
)
from comanda.mail.posting.words import read

NEVER_BEGUN = Outcome("unsent", "The process ended before the mail's turn came.")
CUT_SHORT = Outcome("unsent", "The process died before the mail's end had left.")
NO_ANSWER = Outcome("uncertain", "The process died, and the answer to the mail was not heard.")
MACHINE_DIED = Outcome("uncertain", "The machine has started anew, and the journal's last records may be missing.")

DECIDED = frozenset({"accepted", "refused_for_good"})
"""Kinds that no later record changes: such a mail is not posted again."""


def fates(folder: Path, journal: str, keys: Iterable[Key]) -> Mapping[Key, Outcome]:
    """Return what became of mails, as far as a journal that nobody writes any more can say."""
    wanted = set(keys)
    found: dict[Key, Outcome] = {}
    open_ones: dict[int, Begun] = {}
    incoming: defaultdict[int, Incoming] = defaultdict(Incoming)
    for file in files.logs(folder, journal):
        for kind, connection, body in records(file.read_bytes()):
            if kind == BEGUN:
                # At most one mail of a connection is without an answer; what went before it is decided.
                mail = read_begun(body)
                incoming[connection].forget_before(mail.answer_at)
                open_ones[connection] = mail
                found[mail.campaign, mail.recipient] = NO_ANSWER
            elif kind == HEARD:
                incoming[connection].add(*read_offset(body))
                _hear(open_ones, connection, incoming[connection], found)
            elif kind == CLOSED and connection in open_ones:
                last = open_ones.pop(connection)
                if last.end_at > read_offset(body)[0]:
                    found[last.campaign, last.recipient] = CUT_SHORT
            elif kind not in {BEGUN, HEARD, CLOSED}:
                campaign, recipient, text = read_told(body)
                found[campaign, recipient] = read(text)
    if not files.of_this_boot(folder, journal):
        # A mail that was unsent, or refused for now, may have been begun again by a record that is lost.
        found = {key: each for key, each in found.items() if each.kind in DECIDED}
        return {key: found.get(key, MACHINE_DIED) for key in wanted}
    return {key: found.get(key, NEVER_BEGUN) for key in wanted}


def _hear(open_ones: dict[int, Begun], connection: int, came: Incoming, found: dict[Key, Outcome]) -> None:
    """Settle the open mail of a connection if its answer is there."""
    mail = open_ones.get(connection)
    answer = came.reply(mail.answer_at) if mail is not None else None
    if mail is None or answer is None:
        return
    del open_ones[connection]
    try:
        reply = next(iter(ReplyReader().feed(answer)))
    except Malformed:
        return
    if reply.code // 100 in KINDS:
        found[mail.campaign, mail.recipient] = outcome("content", reply)
