"""What an author hands in of a campaign, and its checks: the same for the API, a TOML file and the editor."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from comanda.contexts.campaigns.campaign_store import Split, Written
from comanda.contexts.campaigns.document import Document, document_of, gaps_of, values_of_document
from comanda.contexts.campaigns.states import Policy
from comanda.engine.errors import FieldError, Refused

MOST_NAME = 120
LEAST_TEST_S, MOST_TEST_S = 15 * 60, 7 * 24 * 3600

ConditionsCheck = Callable[[UUID, Mapping[str, Any]], Awaitable[None]]
"""`(restaurant_id, conditions)`: raises `Refused` for conditions that are none."""


class SubjectsTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An A/B test of the subjects.

    Attributes:
        share: permille of the recipients that the test is made with, in equal parts for the subjects.
        by: what decides.
        after_s: seconds from the start until the best subject goes to all others.
    """

    share: Annotated[int, Meta(ge=10, le=900, description="Permille of the recipients in the test.")] = 200
    by: Literal["opens", "clicks"] = "opens"
    after_s: Annotated[int, Meta(ge=LEAST_TEST_S, le=MOST_TEST_S, description="Seconds until one wins.")] = 4 * 3600


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign as an author writes it.

    Attributes:
        name: for the staff.
        audience_id: to whom, as an audience that was kept; or else `conditions` of this campaign's own.
        document: what is written, see `document.Document`.
        split: the A/B test, where there is more than one subject.
        policy: what becomes of a mail of which nobody can know whether it went out.
    """

    name: Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]
    audience_id: UUID | None = None
    conditions: dict[str, Any] | None = None
    document: Document = Document()
    split: SubjectsTest | None = None
    policy: Policy = "at_most_once"


def written_of(draft: Draft) -> Written:
    """Return what is stored of a draft; raises `Refused` (invalid) with places."""
    name = " ".join(draft.name.split())
    if not name or not name.isprintable():
        raise refused([FieldError("name", "A campaign needs a name of printable characters.")])
    if draft.audience_id is not None and draft.conditions is not None:
        raise refused([FieldError("conditions", "A campaign has an audience or conditions of its own, not both.")])
    document = _document(draft)
    return Written(
        name=name,
        policy=draft.policy,
        audience_id=draft.audience_id,
        conditions=draft.conditions,
        document=values_of_document(document),
        split=None if draft.split is None else msgspec.convert(msgspec.to_builtins(draft.split), Split),
    )


def gaps_in(written: Written | Any) -> list[FieldError]:
    """Return what keeps a campaign, as it is stored, from being started."""
    document = document_of(written.document)
    gaps = [fault_in_document(gap) for gap in gaps_of(document)]
    if written.audience_id is None and written.conditions is None:
        gaps.append(FieldError("audience_id", "Say first to whom it goes."))
    if len(document.subjects) > 1:
        if written.split is None:
            gaps.append(FieldError("split", "More than one subject needs an A/B test."))
        elif not document.tracking:
            gaps.append(FieldError("split", "Without counting opens and clicks no subject can win."))
    elif written.split is not None:
        gaps.append(FieldError("split", "An A/B test needs two subjects or more."))
    return gaps


def fault_in_document(fault: FieldError) -> FieldError:
    """Return a fault of the document as one of the campaign."""
    return FieldError(f"document.{fault.path}", fault.message)


def refused(faults: list[FieldError]) -> Refused:
    """Return the refusal that tells these faults."""
    return Refused(faults[0].message, kind="invalid", code="campaign-invalid", fields=faults)


def _document(draft: Draft) -> Document:
    try:
        return document_of(values_of_document(draft.document))
    except Refused as error:
        raise refused([fault_in_document(fault) for fault in error.fields]) from error
