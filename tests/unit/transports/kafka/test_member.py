from pathlib import Path

from comanda.engine.transports.kafka.member import Member


def test_who_takes_a_dead_processs_place_takes_its_name(tmp_path: Path) -> None:
    """Two that live have two names; the name of one that ended is the next one's, and so are its leases."""
    first, second, third, other = Member(tmp_path), Member(tmp_path), Member(tmp_path), Member(tmp_path / "other")
    first.acquire()
    second.acquire()
    other.acquire()
    assert len({first.name, second.name, other.name}) == 3
    assert len({first.owner(), second.owner(), other.owner()}) == 3
    first.release()
    third.acquire()
    assert third.name == first.name
    assert third.owner() == first.owner() < 0
    for member in (second, third, other):
        member.release()
