import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.transports.sns_sqs.envelope import MalformedMessage, disclose, enclose, group_of
from tests.unit.transports.sns_sqs.events import rung

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
GROUP = re.compile(r"[!-~]{1,128}")


@given(TEXT, st.recursive(TEXT | st.integers() | st.none(), lambda inner: st.dictionaries(TEXT, inner), max_leaves=5))
def test_an_event_comes_out_as_it_went_in(key: str, payload: object) -> None:
    """Key and payload survive, whatever characters they have."""
    event = rung(7, key, payload=json.dumps(payload, ensure_ascii=False))
    event = msgspec.structs.replace(event, trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    (message,) = enclose([event])
    seen = disclose(message.body)
    assert json.loads(seen.payload) == payload
    assert msgspec.structs.replace(seen, payload=event.payload) == event


@given(TEXT)
def test_a_body_has_only_characters_that_sqs_stores_unchanged(text: str) -> None:
    """SQS replaces the two characters that XML does not know, and control characters."""
    (message,) = enclose([rung(1, text, payload=json.dumps({"text": text}, ensure_ascii=False))])
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", message.body)


@given(TEXT, TEXT)
def test_each_key_is_a_group_of_its_own(one: str, other: str) -> None:
    """A group's id is one that SNS takes, and two keys never share it."""
    assert GROUP.fullmatch(group_of(one))
    assert (group_of(one) == group_of(other)) == (one == other)


def test_the_size_is_counted_in_bytes_with_the_attribute() -> None:
    """A letter outside ASCII has more than one, and SNS counts the attribute too."""
    (plain,) = enclose([rung(1, payload='{"a":"e"}')])
    (accented,) = enclose([rung(1, payload='{"a":"é"}')])
    assert accented.size == plain.size + 1
    assert plain.size == len(plain.body) + len("name") + len("String") + len("test.Rung")


def test_ids_that_begin_again_are_not_taken_for_old_ones() -> None:
    """Event 1 of a house set up anew under the same prefix is another than event 1 of the old."""
    old = rung(1)
    new = msgspec.structs.replace(old, at=rung(2).at)
    assert len({message.once for message in enclose([old, new])}) == 2


@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", "{}", '{"id": "one"}', enclose([rung(1)])[0].body.replace('"shard":', '"shard":9')],
)
def test_what_is_no_event_of_ours_is_told(body: str) -> None:
    """A body that is no envelope, or one of a shard that no log has, is no event."""
    with pytest.raises(MalformedMessage):
        disclose(body)


def test_a_newer_envelope_is_read() -> None:
    """A field that this program does not know is passed over."""
    (message,) = enclose([rung(1)])
    assert disclose('{"newer":[1,2],' + message.body[1:]) == rung(1)
