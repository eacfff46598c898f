import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.mail.returns.marks import MOST_NUMBER, Mark, Marks

OLD, NEW = b"old key of 16 octets", b"new key of 16 octets"
MARKS = Marks([NEW])
NUMBERS = st.integers(1, MOST_NUMBER)


@given(campaign=NUMBERS, recipient=NUMBERS, link=st.integers(0, 65535))
def test_every_token_reads_back(campaign: int, recipient: int, link: int) -> None:
    """What was written is what is read, in the case that mail servers and people make of it."""
    mark = Mark(campaign, recipient)
    address = MARKS.bounce_address(campaign, recipient, "mail.example.org")
    assert MARKS.read_bounce_address(address.upper()) == MARKS.read_bounce_address(f"<{address}>") == mark
    assert len(address.partition("@")[0]) <= 64
    assert MARKS.read_unsubscribe(MARKS.unsubscribe(campaign, recipient)) == mark
    assert MARKS.read_open(MARKS.open(campaign, recipient)) == mark
    assert MARKS.read_click(MARKS.click(campaign, recipient, link)) == Mark(campaign, recipient, link)
    own = MARKS.message_id(campaign, recipient, "mail.example.org")
    assert MARKS.read_message_id(f"<other@example.org>\r\n {own}") == mark
    code = MARKS.coupon(campaign, recipient)
    assert 12 <= len(code) <= 24
    assert not set(code) - set(string.ascii_uppercase + string.digits) | set(code) & set("ILOU")
    typed = code.lower().replace("0", "o").replace("1", "l")
    assert MARKS.read_coupon(f" {typed[:4]}-{typed[4:]} ") == mark


@given(campaign=NUMBERS, recipient=NUMBERS, place=st.integers(0, 100), to=st.characters(codec="ascii"))
def test_a_changed_token_is_refused(campaign: int, recipient: int, place: int, to: str) -> None:
    """One other character anywhere, and the token says nothing."""
    for token, read in (
        (MARKS.bounce(campaign, recipient), MARKS.read_bounce),
        (MARKS.open(campaign, recipient), MARKS.read_open),
        (MARKS.click(campaign, recipient, 7), MARKS.read_click),
    ):
        at = place % len(token)
        changed = token[:at] + to + token[at + 1 :]
        if changed.lower() != token.lower() or read == MARKS.read_open:
            assert (read(changed) is None) == (changed != token)


def test_a_token_of_one_kind_is_none_of_another() -> None:
    """An open's token does not unsubscribe, though both are the same numbers in the same shape."""
    assert MARKS.read_unsubscribe(MARKS.open(1, 2)) is None
    assert MARKS.read_open(MARKS.unsubscribe(1, 2)) is None


def test_keys_rotate() -> None:
    """A new key in front signs; the old one still verifies, until it is taken away."""
    token, code = Marks([OLD]).bounce(5, 6), Marks([OLD]).coupon(5, 6)
    both = Marks([NEW, OLD])
    assert both.bounce(5, 6) == MARKS.bounce(5, 6) != token
    assert both.read_bounce(token) == both.read_coupon(code) == Mark(5, 6)
    assert MARKS.read_bounce(token) is MARKS.read_coupon(code) is None


def test_spare_bits_are_refused() -> None:
    """One mail has one address: the bit that base32 has over is 0 and nothing else."""
    token = MARKS.bounce(1, 2)
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    pad = "==="
    assert base64.b32decode(twin.upper() + pad) == base64.b32decode(token.upper() + pad)
    assert MARKS.read_bounce(twin) is None


@given(st.text(max_size=80))
def test_anything_can_be_read(text: str) -> None:
    """Strangers' text is never ours and never an error."""
    reads = (MARKS.read_bounce, MARKS.read_bounce_address, MARKS.read_open, MARKS.read_click, MARKS.read_unsubscribe)
    assert [read(text) for read in (*reads, MARKS.read_message_id, MARKS.read_coupon)] == [None] * 7


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (MOST_NUMBER + 1, 1), (1, -1)])
def test_numbers_out_of_range_are_refused(numbers: tuple[int, int]) -> None:
    """A number that does not fit is an error, and not another number."""
    for write in (MARKS.bounce, MARKS.open, MARKS.coupon):
        with pytest.raises(ValueError, match="are 1 to"):
            write(*numbers)
    with pytest.raises(ValueError, match="64 octets"):
        MARKS.bounce_address(1, 1, "example.org", local="a" * 35)
    with pytest.raises(ValueError, match="link"):
        MARKS.click(1, 1, 65536)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"short"]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    """No key, or one that can be guessed, is said at the start."""
    with pytest.raises(SettingError, match="16 octets"):
        Marks(keys)
