"""Ordering's doors for programs: quotes, orders, and what staff do with them."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter
from litestar.types import ASGIApp, ControllerRouterHandler, HTTPScope

from comanda.contexts.ordering.documents import OrderAnswer, OrderView, QuoteView, quote_view
from comanda.contexts.ordering.examples import ORDER_EXAMPLES, QUOTE_EXAMPLES
from comanda.contexts.ordering.form import MAX_AMOUNT, PlaceOrder, QuoteForm
from comanda.contexts.ordering.intake import GUEST, Intake
from comanda.contexts.ordering.service import CancelAnswer, Ordering, RefundAnswer, StaffOrderView
from comanda.contracts.ordering import FulfilmentDetails, OrderLine
from comanda.engine.idempotency import Answer, parse_key
from comanda.web.access import require, staff_member
from comanda.web.express import ExpressHandler
from comanda.web.raw import RawAnswer

REPLAYED = b"idempotent-replayed"
"""After Stripe: `true` where the answer was given before."""

KEY = "Idempotency-Key"
KEY_HEADER = KEY.lower().encode()

PLACE_PATH = "/api/v1/orders"

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name=KEY,
        required=False,
        description="A name for this one intent: at most 255 visible ASCII characters, bare or in double quotes. "
        "However often the same request is sent with it, it takes effect once and gets the same answer.",
    ),
]


Token = Annotated[str, PathParameter(description="The unguessable part of an order's tracking address.")]
OrderId = Annotated[UUID, PathParameter(description="An order's id.")]


class QuoteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a cart would cost now, in minor units."""

    lines: tuple[OrderLine, ...]
    quote: QuoteView
    fulfilment: FulfilmentDetails


class CancelForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order is cancelled; the guest is told."""

    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class RefundForm(msgspec.Struct, frozen=True, kw_only=True):
    """How much is given back, in minor units; left out, all that is left."""

    amount: Annotated[int, msgspec.Meta(gt=0, le=MAX_AMOUNT)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


def answered(answer: Answer) -> ASGIApp:
    """Return a decided answer as a response, byte for byte."""
    headers = []
    if answer.location:
        headers.append((b"location", answer.location.encode("ascii")))
    if answer.replayed:
        headers.append((REPLAYED, b"true"))
    return RawAnswer(answer.status, answer.body, headers)


def guest_routes(intake: Intake, ordering: Ordering) -> Sequence[ControllerRouterHandler]:
    """Return the handlers for guests: quotes, placing an order, following it."""

    @post(
        "/api/v1/quotes",
        name="ordering:quote",
        status_code=200,
        tags=["orders"],
        opt={"exclude_from_csrf": True},
    )
    async def quote(data: Annotated[QuoteForm, QUOTE_EXAMPLES]) -> QuoteAnswer:
        """Price a cart: what it would cost if it were ordered now. Nothing is stored."""
        made = await ordering.quote(data)
        return QuoteAnswer(lines=made.quote.lines, quote=quote_view(made.quote), fulfilment=made.fulfilment)

    @post(
        PLACE_PATH,
        name="ordering:place",
        status_code=201,
        tags=["orders"],
        opt={"exclude_from_csrf": True},
        responses={201: ResponseSpec(OrderAnswer, description="The order was made, now or by an earlier request.")},
    )
    async def place(
        request: Request[object, object, State],
        data: Annotated[PlaceOrder, ORDER_EXAMPLES],
        idempotency_key: IdempotencyKey = None,
    ) -> ASGIApp:
        """Place an order. The same intent, sent again, gets the same answer and makes no second order.

        A form that was sent before under another key is answered by 409, whose `order` tells of the earlier order and
        whose `confirm` is a token: the same form with it makes exactly one more.
        """
        key = parse_key(idempotency_key)
        return answered(await intake.place(data, await request.body(), key=key, caller=GUEST))

    @get("/api/v1/orders/{token:str}", name="ordering:order", tags=["orders"])
    async def order(token: Token) -> OrderView:
        """Return an order as it is now, with what happened to it. The token is the one in its tracking address."""
        return await ordering.by_token(token)

    return [quote, place, order]


def express_routes(intake: Intake) -> Mapping[tuple[str, str], ExpressHandler]:
    """Return the way past the framework for placing an order (see `web/express.py`)."""
    decoder = msgspec.json.Decoder(PlaceOrder)

    async def place(scope: HTTPScope, body: bytes) -> ASGIApp | None:
        key = None
        is_json = False
        for name, value in scope["headers"]:
            if name == KEY_HEADER:
                if key is not None:
                    return None
                key = value.decode("latin-1")
            elif name == b"content-type":
                is_json = value.partition(b";")[0].strip().lower() == b"application/json"
        if not is_json:
            return None
        try:
            form = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return answered(await intake.place(form, body, key=parse_key(key), caller=GUEST))

    return {("POST", PLACE_PATH): place}


def staff_routes(ordering: Ordering) -> Sequence[ControllerRouterHandler]:
    """Return the handlers for staff: an order with its proof of once, cancelling, refunding."""

    @get("/api/v1/staff/orders/{order_id:uuid}", guards=[require("kitchen", "operator")], tags=["staff"])
    async def order_for_staff(request: Request[object, object, State], order_id: OrderId) -> StaffOrderView:
        """Return an order with its guest and its proof of once."""
        return await ordering.for_staff(staff_member(request).restaurant_id, order_id)

    @post(
        "/api/v1/staff/orders/{order_id:uuid}/cancel",
        guards=[require("kitchen")],
        status_code=200,
        tags=["staff"],
        responses={200: ResponseSpec(CancelAnswer, description="The order is cancelled.")},
    )
    async def cancel(
        request: Request[object, object, State],
        order_id: OrderId,
        data: CancelForm,
        idempotency_key: IdempotencyKey = None,
    ) -> ASGIApp:
        """Cancel an order; what was paid is given back. Asked twice, it is cancelled once."""
        member = staff_member(request)
        key = parse_key(idempotency_key)
        return answered(
            await ordering.cancel(member.restaurant_id, order_id, data.reason, member_id=member.id, key=key)
        )

    @post(
        "/api/v1/staff/orders/{order_id:uuid}/refunds",
        guards=[require("owner")],
        status_code=202,
        tags=["staff"],
        responses={202: ResponseSpec(RefundAnswer, description="The refund will be made, once.")},
    )
    async def refund(
        request: Request[object, object, State],
        order_id: OrderId,
        data: RefundForm,
        idempotency_key: IdempotencyKey = None,
    ) -> ASGIApp:
        """Give money back. Asked twice for the same, it is given back once."""
        member = staff_member(request)
        key = parse_key(idempotency_key)
        return answered(
            await ordering.refund(
                member.restaurant_id, order_id, data.amount, data.reason, member_id=member.id, key=key
            )
        )

    return [order_for_staff, cancel, refund]
