"""The sandbox's HTTP door.

| call | does |
|---|---|
| `POST /v1/charges`, `POST /v1/refunds` | move money, once per `Idempotency-Key` within the key window |
| `GET /v1/charges?payment_id=`, `GET /v1/refunds?refund_id=` | look up by the client's id |
| `GET /v1/ledger?after=&limit=` | all movements, in pages |
| `GET /v1/ping` | says that it is up |
| `GET`/`PUT /admin/faults`, `PUT /admin/webhook` | set what goes wrong, and where webhooks go |
| `GET /admin/under-way` | how many charges and refunds are being worked on |

Everything wants `Authorization: Bearer SECRET`. Answers: 200 succeeded, 202 pending, 402 failed, with the movement;
else `{"error": slug}`.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

from litestar import Litestar, Request, Response, get, put, route
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from comanda.contexts.payments.sandbox import ledger
from comanda.contexts.payments.sandbox.books import Books, BooksRefused
from comanda.contexts.payments.sandbox.cards import Card, card_of
from comanda.contexts.payments.sandbox.delivery import Delivery
from comanda.contexts.payments.sandbox.settings import Current
from comanda.contexts.payments.sandbox.wire import ChargeBody, Faults, Movement, Movements, RefundBody, WebhookTarget
from comanda.engine.clock import Clock, SystemClock
from comanda.engine.ids import Ids, RandomIds
from comanda.engine.service import running

DAY_S = 86_400.0

SLOW_CARD_S = 3.0
"""How long the slow card takes."""

HELD_S = 120.0
"""How long an answer that never comes keeps its connection, unless the client goes first."""

REMEMBERED = 10_000
"""Keys remembered to have had their one 503; when there are more, they get another."""

STATUS = {"succeeded": 200, "pending": 202, "failed": 402}

AnyRequest = Request[object, object, State]


class Sandbox:
    """The provider, behind its door."""

    def __init__(self, books: Books, current: Current, delivery: Delivery, *, key_window_s: float) -> None:
        self.books = books
        self.current = current
        self.delivery = delivery
        self.key_window_s = key_window_s
        self.clock: Clock = SystemClock()
        self.ids: Ids = RandomIds()
        self.under_way = 0
        self._refused_once: set[str] = set()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count a call as under way."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def charge(self, request: AnyRequest, body: ChargeBody) -> Response[Movement]:
        """Charge, with whatever goes wrong on the way."""
        card = card_of(body.method)
        making = self._making(request, "ch")
        if card.trouble == "down_once" and making.key not in self._refused_once:
            if len(self._refused_once) >= REMEMBERED:
                self._refused_once.clear()
            self._refused_once.add(making.key)
            raise BooksRefused(503, "down")
        await self._slow(card)
        made = await self.books.do(ledger.charge(body, making))
        return await self._answer(request, made, card)

    async def refund(self, request: AnyRequest, body: RefundBody) -> Response[Movement]:
        """Refund, with whatever goes wrong on the way."""
        await self._slow(None)
        made = await self.books.do(ledger.refund(body, self._making(request, "re")))
        return await self._answer(request, made, None)

    def _making(self, request: AnyRequest, prefix: str) -> ledger.Making:
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= 255:  # noqa: PLR2004 - Stripe's own limit
            raise BooksRefused(400, "idempotency_key_needed")
        faults = self.current.faults
        return ledger.Making(
            now_s=self.clock.now().timestamp(),
            movement_id=f"{prefix}_{self.ids.new().hex}",
            notice_id=f"evt_{self.ids.new().hex}",
            key=key,
            key_window_s=self.key_window_s if faults.key_window_s is None else faults.key_window_s,
            decline=faults.decline,
        )

    async def _slow(self, card: Card | None) -> None:
        wait_s = max(self.current.faults.slow_s, SLOW_CARD_S if card and card.trouble == "slow" else 0.0)
        if wait_s:
            await self.clock.sleep(wait_s)

    async def _answer(self, request: AnyRequest, made: ledger.Made, card: Card | None) -> Response[Movement]:
        self.delivery.signal()
        fault = self.current.faults.timeout_after_charging
        trouble = card.trouble if card else "none"
        always = fault == "always" or trouble == "timeout_always"
        if always or (made.new and (fault == "first" or trouble == "timeout_once")):
            with contextlib.suppress(TimeoutError):
                # The next message can only be that the client has gone.
                await asyncio.wait_for(request.receive(), HELD_S)
            raise BooksRefused(504, "no_answer")
        headers = {} if made.new else {"idempotent-replayed": "true"}
        return Response(made.movement, status_code=STATUS[made.movement.state], headers=headers)


def build_app(
    data_dir: Path,
    *,
    secret_key: str,
    webhook: WebhookTarget | None = None,
    key_window_s: float = DAY_S,
) -> Litestar:
    """Build the provider around the books in `data_dir`.

    Args:
        data_dir: where `sandbox.sqlite3` stands, or will.
        secret_key: what clients have to show.
        webhook: where webhooks go; what was set before stays where this is None.
        key_window_s: how long an idempotency key is remembered.
    """
    books = Books(data_dir / "sandbox.sqlite3")
    current = Current(books)
    delivery = Delivery(books, current, SystemClock(), RandomIds(), key_window_s=key_window_s)
    sandbox = Sandbox(books, current, delivery, key_window_s=key_window_s)

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running([books]):
            await current.load(webhook)
            async with running([delivery]):
                yield

    def allowed(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        shown = connection.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {secret_key}".encode()):
            raise NotAuthorizedException
        if current.faults.down and connection.url.path.startswith("/v1/"):
            raise BooksRefused(503, "down")
        moves_money = isinstance(connection, Request) and connection.method == "POST"
        if current.faults.too_often and moves_money and connection.url.path.startswith("/v1/"):
            raise BooksRefused(429, "too_often")

    return Litestar(
        route_handlers=[*_money(sandbox), *_admin(sandbox)],
        guards=[allowed],
        lifespan=[lifespan],
        exception_handlers={BooksRefused: _refused, HTTPException: _http_error},
        openapi_config=None,
        request_max_body_size=64 * 1024,
    )


def _money(sandbox: Sandbox) -> Sequence[ControllerRouterHandler]:
    @route("/v1/charges", http_method="POST")
    async def charge(request: AnyRequest, data: JSONBody[ChargeBody]) -> Response[Movement]:
        with sandbox.working():
            return await sandbox.charge(request, data)

    @route("/v1/refunds", http_method="POST")
    async def refund(request: AnyRequest, data: JSONBody[RefundBody]) -> Response[Movement]:
        with sandbox.working():
            return await sandbox.refund(request, data)

    @get("/v1/charges")
    async def charges(payment_id: FromQuery[str]) -> Movements:
        return await sandbox.books.do(ledger.of_subject("charge", payment_id))

    @get("/v1/refunds")
    async def refunds(refund_id: FromQuery[str]) -> Movements:
        return await sandbox.books.do(ledger.of_subject("refund", refund_id))

    @get("/v1/ledger")
    async def movements(after: FromQuery[int] = 0, limit: FromQuery[int] = ledger.PAGE) -> Movements:
        return await sandbox.books.do(ledger.page(after, limit))

    @get("/v1/ping")
    async def ping() -> dict[str, float]:
        return {"key_window_s": sandbox.key_window_s}

    return [charge, refund, charges, refunds, movements, ping]


def _admin(sandbox: Sandbox) -> Sequence[ControllerRouterHandler]:
    @get("/admin/faults")
    async def faults() -> Faults:
        return sandbox.current.faults

    @put("/admin/faults")
    async def set_faults(data: JSONBody[Faults]) -> Faults:
        await sandbox.current.set_faults(data)
        sandbox.delivery.signal()
        return data

    @put("/admin/webhook")
    async def set_webhook(data: JSONBody[WebhookTarget]) -> dict[str, str]:
        await sandbox.current.set_target(data)
        sandbox.delivery.signal()
        return {"url": data.url}

    @get("/admin/under-way")
    async def under_way() -> dict[str, int]:
        return {"calls": sandbox.under_way}

    return [faults, set_faults, set_webhook, under_way]


def _refused(_: AnyRequest, error: BooksRefused) -> Response[dict[str, str]]:
    headers = {"retry-after": "1"} if error.status == HTTPStatus.TOO_MANY_REQUESTS else {}
    return Response({"error": error.code}, status_code=error.status, headers=headers)


def _http_error(_: AnyRequest, error: HTTPException) -> Response[dict[str, str]]:
    return Response({"error": error.detail}, status_code=error.status_code)
