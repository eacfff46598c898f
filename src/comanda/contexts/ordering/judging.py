"""What is to become of an arrival, given what the database knew of it. Pure.

The order of questions is the whole of the idempotency rules: the key first, then the guest's mistakes, then the form.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from comanda.contexts.ordering.arrivals import Arrival, Earlier, Known, derived_key
from comanda.contexts.ordering.refusals import EarlierOrder, confirm_unknown, invalid, same_again
from comanda.contexts.ordering.states import FORGOTTEN
from comanda.contexts.ordering.tokens import confirm_token, confirmed_copy, tracking_token
from comanda.engine.errors import Refused, SettingError
from comanda.engine.idempotency import Seals, StoredAnswer
from comanda.engine.idempotency.once import key_reused


@dataclass(frozen=True, slots=True)
class Replay:
    """Give the stored answer again."""

    stored: StoredAnswer


@dataclass(frozen=True, slots=True)
class ReplayCopy:
    """Give the answer of the form's copy of that number again."""

    copy: int


@dataclass(frozen=True, slots=True)
class Make:
    """Make the form's copy of that number, under that key."""

    copy: int
    key: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the guest, who has sent this form before, whether it shall be made once more."""

    earlier: Earlier
    refusal: Refused


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse."""

    refusal: Refused
    reused: bool = False


Verdict = Replay | ReplayCopy | Make | Ask | Refuse


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of the idempotency rules.

    Attributes:
        window: in which the same form is not silently made twice.
        keep: for which keys and their answers hold; at least as long as `window`.
        public_url: before tracking addresses, without a slash at its end.
    """

    window: timedelta
    keep: timedelta
    public_url: str

    def __post_init__(self) -> None:
        if self.keep < self.window:
            raise SettingError(
                "COMANDA_IDEMPOTENCY_KEEP is shorter than COMANDA_FORM_WINDOW; make it at least as long, for an answer "
                "must outlive the time in which it is given again."
            )


def judge(arrival: Arrival, known: Known, rules: Rules, seals: Seals, now: datetime) -> Verdict:
    """Return what is to become of an arrival."""
    stored = known.stored
    if stored is not None and not is_stale(stored, rules, now):
        same = stored.body_hash == arrival.body_hash or (
            arrival.fingerprint != b"" and stored.fingerprint == arrival.fingerprint
        )
        return Replay(stored) if same else Refuse(key_reused(), reused=True)
    if arrival.form is None or arrival.cart is None:
        return Refuse(invalid(arrival.errors))
    return _form_verdict(arrival, known.earlier, rules, seals, now)


def is_stale(stored: StoredAnswer, rules: Rules, now: datetime) -> bool:
    """Whether an answer has been kept long enough and its key is free again, though not swept yet."""
    return now - stored.created_at >= rules.keep


def _form_verdict(arrival: Arrival, earlier: Earlier | None, rules: Rules, seals: Seals, now: datetime) -> Verdict:
    if arrival.confirm is not None:
        return _confirmed(arrival, earlier, rules, seals, now)
    if earlier is None:
        return _make(arrival, 1)
    if earlier.status in FORGOTTEN or now - earlier.placed_at >= rules.window:
        return _make(arrival, earlier.copy + 1)
    if arrival.key is None and earlier.key == derived_key(arrival.form_hash, earlier.copy):
        return ReplayCopy(earlier.copy)
    return _ask(arrival, earlier, rules, seals, now)


def _make(arrival: Arrival, copy: int) -> Make:
    return Make(copy, arrival.key if arrival.key is not None else derived_key(arrival.form_hash, copy))


def _confirmed(arrival: Arrival, earlier: Earlier | None, rules: Rules, seals: Seals, now: datetime) -> Verdict:
    confirmed = confirmed_copy(seals, arrival.confirm or "", arrival.restaurant.id, arrival.form_hash)
    if confirmed is None or earlier is None:
        return Refuse(confirm_unknown())
    copy, at = confirmed
    if copy <= earlier.copy:
        return ReplayCopy(copy)
    if now - at >= rules.window:
        return Refuse(confirm_unknown())
    return _make(arrival, copy)


def _ask(arrival: Arrival, earlier: Earlier, rules: Rules, seals: Seals, now: datetime) -> Ask:
    token = tracking_token(seals, earlier.id)
    order = EarlierOrder(
        number=earlier.number,
        placed_at=earlier.placed_at.isoformat(),
        status=earlier.status,
        tracking=f"{rules.public_url}/o/{token}",
    )
    confirm = confirm_token(seals, arrival.restaurant.id, arrival.form_hash, earlier.copy + 1, now)
    return Ask(earlier, same_again(order, confirm))
