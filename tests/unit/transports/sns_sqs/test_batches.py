import itertools

from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.transports.sns_sqs.batches import MOST, MOST_BYTES, cut, rounds

SIZES = st.lists(st.integers(1, MOST_BYTES + 10), max_size=60)
KEYS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers()), max_size=60)


@given(SIZES)
def test_batches_hold_all_items_in_order_within_both_limits(sizes: list[int]) -> None:
    """Nothing is lost or moved; a batch has at most ten items and 256 KiB, unless one item alone has more."""
    batches = [list(batch) for batch in cut(sizes, lambda size: size)]
    assert [size for batch in batches for size in batch] == sizes
    assert all(1 <= len(batch) <= MOST for batch in batches)
    assert all(sum(batch) <= MOST_BYTES or len(batch) == 1 for batch in batches)


@given(SIZES)
def test_a_batch_ends_only_where_the_next_item_does_not_fit(sizes: list[int]) -> None:
    """No call is made that the one before could have carried."""
    batches = [list(batch) for batch in cut(sizes, lambda size: size)]
    for batch, following in itertools.pairwise(batches):
        assert len(batch) == MOST or sum(batch) + following[0] > MOST_BYTES


@given(KEYS)
def test_a_round_holds_each_key_once_and_rounds_keep_each_keys_order(items: list[tuple[str, int]]) -> None:
    """Nothing is lost, no two of a key share a round, and the first comes in an earlier one than the second."""
    divided = rounds(items, lambda item: item[0])
    for one in divided:
        keys = [key for key, _ in one]
        assert len(set(keys)) == len(keys) > 0
    flat = [item for one in divided for item in one]
    for key in "abcd":
        assert [item for item in flat if item[0] == key] == [item for item in items if item[0] == key]
