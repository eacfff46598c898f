"""What goes over the wire between the sandbox and its clients. Times are Unix seconds, money is minor units."""

from typing import Annotated, Literal

import msgspec

MAX_AMOUNT = 10**12

Text = Annotated[str, msgspec.Meta(max_length=255)]
Amount = Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)]

State = Literal["succeeded", "failed", "pending"]


class ChargeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/charges`. `payment_id` is the client's own id, by which it can look the charge up."""

    payment_id: Text
    order_id: Text = ""
    amount: Amount
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    method: Text = ""


class RefundBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/refunds`, of `charge` (`ch_…`). `refund_id` is the client's own id."""

    refund_id: Text
    charge: Text
    amount: Amount


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A charge or a refund, as it stands. `subject` is the client's id; `charge` the refund's charge."""

    seq: int
    id: str
    kind: Literal["charge", "refund"]
    subject: str
    charge: str | None
    amount: int
    currency: str
    method: str
    state: State
    reason: str
    refunded: int
    at: float


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    """Movements, in the order of their making. `next` is the `after` of the next page; None on the last."""

    movements: list[Movement]
    next: int | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook's body. `type` is `charge.succeeded` and its like."""

    id: str
    type: str
    at: float
    movement: Movement


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong at the sandbox, for everyone. Durable: a restart does not heal it.

    Attributes:
        down: every call gets a 503.
        too_often: every charge and refund gets a 429 that asks to wait for a second, and nothing happens.
        slow_s: every charge and refund waits so long before anything happens.
        timeout_after_charging: charges and refunds are made, but their answers never come; `first` answers retries.
        decline: the reason for which all new charges are declined.
        webhooks_held: none is delivered until this is lifted.
        webhooks_twice: each is delivered twice.
        webhooks_out_of_order: what is due together goes out newest first.
        key_window_s: overrides how long keys are remembered.
    """

    down: bool = False
    too_often: bool = False
    slow_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    timeout_after_charging: Literal["never", "first", "always"] = "never"
    decline: str | None = None
    webhooks_held: bool = False
    webhooks_twice: bool = False
    webhooks_out_of_order: bool = False
    key_window_s: Annotated[float, msgspec.Meta(ge=0)] | None = None


class WebhookTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where webhooks go, and the secret that signs them."""

    url: str
    secret: str
