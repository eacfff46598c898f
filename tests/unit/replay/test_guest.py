from comanda.contracts.contact import clean_email, clean_phone
from comanda.replay.guest import guest_of, key_of


def test_guests_follow_from_the_seed_and_are_all_different() -> None:
    """The same seed gives the same guests; no two orders have one guest, or one key, between them."""
    guests = [guest_of(7, str(number)) for number in range(2000)]
    assert guests == [guest_of(7, str(number)) for number in range(2000)]
    assert len({guest.email for guest in guests}) == len(guests)
    assert not {guest.email for guest in guests} & {guest_of(8, str(number)).email for number in range(2000)}
    assert len({key_of(7, str(number), what) for number in range(2000) for what in ("click", "reload")}) == 4000


def test_guests_are_taken_for_guests() -> None:
    """Their addresses and phones are such as an order is taken from."""
    for number in range(200):
        guest = guest_of(1, str(number))
        assert clean_email(guest.email) == guest.email
        assert clean_phone(guest.phone, "US") == guest.phone
