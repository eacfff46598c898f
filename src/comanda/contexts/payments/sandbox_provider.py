"""The sandbox as a `PaymentProvider`: a client of its HTTP door, with kept-alive connections and time-outs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal, NamedTuple, TypeVar, assert_never
from uuid import UUID

import aiohttp
import msgspec

from comanda.contexts.payments.errors import Contradiction, WebhookRejected
from comanda.contexts.payments.providers import (
    Answer,
    ChargeQuery,
    ChargeRequest,
    Failed,
    LedgerEntry,
    LookUp,
    NotFound,
    Pending,
    RefundQuery,
    RefundRequest,
    Succeeded,
    Unknown,
    WebhookEvent,
)
from comanda.contexts.payments.sandbox import signature
from comanda.contexts.payments.sandbox.wire import ChargeBody, Movement, Movements, Notice, RefundBody
from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.engine.tracing import current

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 3.0
MOST_CONNECTIONS = 64

PATIENT = aiohttp.ClientTimeout(total=60.0)
"""For a page of the books: nobody waits for it but an audit."""

NETWORK = (aiohttp.ClientError, TimeoutError, OSError)
"""What leaves open whether the other side got the call."""

MOVEMENT_STATUSES = (200, 202, 402)

Body = TypeVar("Body")


class _Told(NamedTuple):
    status: int
    body: bytes
    retry_after: str


class SandboxProvider:
    """The sandbox, seen from a client.

    Args:
        base_url: `http://host:port`.
        secret_key: shown to the sandbox.
        webhook_secret: what its webhooks are signed with.
        key_window_s: how long it remembers keys; must not be longer than the sandbox's own setting.
        timeout_s: how long a call may take before its answer is `Unknown`.
    """

    name = "sandbox"

    def __init__(
        self,
        base_url: str,
        *,
        secret_key: str,
        webhook_secret: str,
        clock: Clock,
        key_window_s: float = 86_400.0,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {secret_key}"}
        self._webhook_secret = webhook_secret
        self._clock = clock
        self.key_window_s = key_window_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_TIMEOUT_S)
        self._session: aiohttp.ClientSession | None = None

    async def charge(self, request: ChargeRequest) -> Answer:
        """Charge, under the key `payment_id`."""
        body = ChargeBody(
            payment_id=str(request.payment_id),
            order_id=str(request.order_id),
            amount=request.amount,
            currency=request.currency,
            method=request.method,
        )
        return await self._move("/v1/charges", body, key=request.payment_id)

    async def refund(self, request: RefundRequest) -> Answer:
        """Refund, under the key `refund_id`."""
        body = RefundBody(refund_id=str(request.refund_id), charge=request.charge_ref, amount=request.amount)
        return await self._move("/v1/refunds", body, key=request.refund_id)

    async def look_up_charge(self, query: ChargeQuery) -> LookUp:
        """Say what became of a charge."""
        return await self._look_up("/v1/charges", "payment_id", query.payment_id)

    async def look_up_refund(self, query: RefundQuery) -> LookUp:
        """Say what became of a refund."""
        return await self._look_up("/v1/refunds", "refund_id", query.refund_id)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Verify a webhook and return what it says."""
        header = headers.get(signature.HEADER, "")
        if not signature.holds(self._webhook_secret, body, header, now_s=self._clock.now().timestamp()):
            raise WebhookRejected("The sandbox did not sign this, or not now.")
        try:
            notice = msgspec.json.decode(body, type=Notice)
            subject = UUID(notice.movement.subject)
        except msgspec.ValidationError as error:
            raise WebhookRejected("What the sandbox signed cannot be read.") from error
        except ValueError:
            # A charge that somebody made at the sandbox without us.
            return None
        movement = notice.movement
        # The state is the notice's own: the movement may have moved on since, and that has a notice of its own.
        return WebhookEvent(id=notice.id, kind=movement.kind, subject=subject, answer=_answer(movement))

    async def ping(self) -> None:
        """Raise `Unavailable` when the sandbox does not answer, or not to us."""
        try:
            status = (await self._call("GET", "/v1/ping")).status
        except NETWORK as error:
            raise Unavailable(f"The payment sandbox does not answer: {error!r}") from error
        if status != 200:  # noqa: PLR2004 - HTTP's OK
            raise Unavailable(f"The payment sandbox answers {status}.")

    async def stop(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ledger(self) -> AsyncIterator[LedgerEntry]:
        """Go through all charges and refunds. Raises `Unavailable`."""
        after: int | None = 0
        while after is not None:
            try:
                status, raw, _ = await self._call("GET", f"/v1/ledger?after={after}", within=PATIENT)
            except NETWORK as error:
                raise Unavailable(f"The payment sandbox does not answer: {error!r}") from error
            if status != 200:  # noqa: PLR2004 - HTTP's OK
                raise Unavailable(f"The payment sandbox answers {status}.")
            page = msgspec.json.decode(raw, type=Movements)
            for movement in page.movements:
                yield _entry(movement)
            after = page.next

    async def _move(self, path: str, body: ChargeBody | RefundBody, *, key: UUID) -> Answer:
        try:
            told = await self._call("POST", path, body=body, headers={"idempotency-key": str(key)})
        except NETWORK as error:
            return Unknown(reason=_network_reason(error))
        if told.status in MOVEMENT_STATUSES:
            movement = _decode(told.body, Movement)
            return _answer(movement) if movement is not None else Unknown(reason="unreadable_answer")
        return _refusal(told, key)

    async def _look_up(self, path: str, parameter: str, subject: UUID) -> LookUp:
        try:
            status, raw, _ = await self._call("GET", f"{path}?{parameter}={subject}")
        except NETWORK as error:
            return Unknown(reason=_network_reason(error))
        found = _decode(raw, Movements) if status == 200 else None  # noqa: PLR2004 - HTTP's OK
        if found is None:
            return Unknown(reason=f"http_{status}")
        return _best(found.movements)

    async def _call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        body: ChargeBody | RefundBody | None = None,
        headers: Mapping[str, str] | None = None,
        within: aiohttp.ClientTimeout | None = None,
    ) -> _Told:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=30),
            )
        data = msgspec.json.encode(body) if body is not None else None
        sent = {"content-type": "application/json", **(headers or {})}
        trace = current()
        if trace is not None:
            sent["traceparent"] = trace
        async with self._session.request(
            method, self._base_url + path, data=data, headers=sent, timeout=within or self._timeout
        ) as answer:
            return _Told(answer.status, await answer.read(), answer.headers.get("retry-after", ""))


def _network_reason(error: BaseException) -> str:
    return "timeout" if isinstance(error, TimeoutError) else "connection_lost"


def _decode(raw: bytes, kind: type[Body]) -> Body | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError:
        return None


def _refusal(answer: _Told, key: UUID) -> Answer:
    """Return what a status without a movement means; only what was refused for its content surely moved no money."""
    told = _decode(answer.body, dict[str, object]) or {}
    code = str(told.get("error", f"http_{answer.status}"))
    if code == "key_used_for_something_else":
        raise Contradiction(f"The sandbox has used the key {key} for something else.")
    if answer.status in (400, 404):
        return Failed(reason=code)
    after_s = float(answer.retry_after) if answer.retry_after.isdigit() else None
    return Unknown(reason=code, retry_after_s=after_s, too_often=answer.status == HTTPStatus.TOO_MANY_REQUESTS)


def _best(movements: Sequence[Movement]) -> LookUp:
    """Return what became of an id: money that moved counts before what may still move, and that before failures."""
    for state in ("succeeded", "pending", "failed"):
        for movement in movements:
            if movement.state == state:
                return _answer(movement)
    return NotFound()


def _answer(movement: Movement) -> Answer:
    match movement.state:
        case "succeeded":
            at = datetime.fromtimestamp(movement.at, UTC)
            return Succeeded(ref=movement.id, amount=movement.amount, currency=movement.currency, at=at)
        case "failed":
            return Failed(reason=movement.reason, ref=movement.id)
        case "pending":
            return Pending(ref=movement.id)
        case _:
            assert_never(movement.state)


def _entry(movement: Movement) -> LedgerEntry:
    try:
        subject = UUID(movement.subject)
    except ValueError:
        subject = None
    return LedgerEntry(
        kind=movement.kind,
        ref=movement.id,
        subject=subject,
        state=movement.state,
        amount=movement.amount,
        currency=movement.currency,
        at=datetime.fromtimestamp(movement.at, UTC),
    )
