"""What an audit says: each invariant with how much was looked at, and what breaks it."""

from datetime import datetime

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that breaks an invariant: what it is about (an id, mostly), and a sentence for people."""

    subject: str
    message: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant, looked at.

    Attributes:
        name: a stable slug, `noun.what-holds`.
        says: what must hold, as a sentence.
        checked: how many things were looked at.
        wrong: how many break it; `findings` lists the first of them.
    """

    name: str
    says: str
    checked: int
    wrong: int = 0
    findings: tuple[Finding, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All invariants of one audit.

    Attributes:
        at: when the books were read.
        age_s: what is younger may still be on its way.
        totals: how many orders, payments, charges, … there are.
    """

    at: datetime
    age_s: float
    totals: dict[str, int]
    invariants: tuple[Checked, ...]

    @property
    def wrong(self) -> int:
        """How many findings there are in all."""
        return sum(checked.wrong for checked in self.invariants)

    @property
    def clean(self) -> bool:
        """Whether nothing breaks any invariant."""
        return self.wrong == 0
