"""How recipients are cut into streams."""

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.campaigns.streams import LEAST, MOST, MOST_OF_A_DOMAIN, Run, cut, merged


def runs_of(sizes: list[tuple[str, int]], *, wave: int = 0, zone: str = "", first: int = 1) -> list[Run]:
    """Return runs of these domains, one behind the other."""
    runs = []
    for domain, size in sizes:
        runs.append(Run(wave, zone, domain, first, first + size - 1))
        first += size
    return runs


SIZES = st.lists(st.integers(1, 200_000), min_size=1, max_size=80).map(
    lambda sizes: [(f"d{place:03}.example", size) for place, size in enumerate(sizes)]
)


@given(SIZES)
def test_every_recipient_is_in_one_stream_and_there_are_not_too_many(sizes: list[tuple[str, int]]) -> None:
    """Streams are contiguous, hold all numbers once, and are 64 at most in a wave of a zone."""
    streams = cut(runs_of(sizes))
    following = 1
    for stream in streams:
        assert stream.first == following
        assert stream.last >= stream.first
        following = stream.last + 1
    assert following == 1 + sum(size for _, size in sizes)
    assert len(streams) <= MOST


@given(SIZES)
def test_a_stream_that_names_a_domain_has_no_other(sizes: list[tuple[str, int]]) -> None:
    """Whoever is in a domain's stream is of that domain; a domain has four streams of its own at most."""
    runs = runs_of(sizes)
    streams = [stream for stream in cut(runs) if stream.domain]
    for stream in streams:
        inside = [run for run in runs if run.first <= stream.last and run.last >= stream.first]
        assert {run.domain for run in inside} == {stream.domain}
    for domain, _ in sizes:
        assert sum(stream.domain == domain for stream in streams) <= MOST_OF_A_DOMAIN


def test_a_large_domain_goes_apart_and_small_ones_share() -> None:
    """A domain that fills a good part gets streams of its own; its small neighbours are together."""
    streams = cut(runs_of([("a.example", 300), ("gmail.com", 60_000), ("y.example", 200), ("z.example", 100)]))
    assert [(s.domain, s.people) for s in streams if s.domain != "gmail.com"] == [("a.example", 300), ("", 300)]
    assert [s.people for s in streams if s.domain == "gmail.com"] == [15_000] * 4


def test_pieces_of_a_domain_from_several_pages_are_one() -> None:
    """A domain that goes on in the next page is cut as a whole."""
    streams = cut(runs_of([("a.example", 400), ("a.example", 500)]))
    assert streams == [Run(0, "", "a.example", 1, 900)]


def test_a_domain_with_a_limit_never_shares() -> None:
    """A domain that has a limit of its own holds nobody up, though it is small."""
    sizes = [("big.example", 900_000), ("slow.example", LEAST), ("y.example", 100)]
    assert "slow.example" not in {stream.domain for stream in cut(runs_of(sizes))}
    assert "slow.example" in {stream.domain for stream in cut(runs_of(sizes), apart={"slow.example"})}


def test_waves_and_zones_are_never_in_one_stream() -> None:
    """Each begins at its own hour."""
    runs = [*runs_of([("a.example", 10)]), *runs_of([("a.example", 10)], zone="Asia/Tokyo", first=11)]
    runs += runs_of([("a.example", 10)], wave=1, first=21)
    assert cut(runs) == runs


def test_small_neighbours_in_a_page_are_joined_but_not_at_its_edges() -> None:
    """What a page begins and ends with may go on in another."""
    runs = runs_of([("a.example", 3), ("b.example", 3), ("c.example", 3), ("d.example", 50), ("e.example", 3)])
    kept = merged(runs, small=10)
    assert [(run.domain, run.people) for run in kept] == [
        ("a.example", 3),
        ("", 6),
        ("d.example", 50),
        ("e.example", 3),
    ]
