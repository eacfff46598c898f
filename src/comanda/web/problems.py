"""Errors as their askers read them: problem details (RFC 9457) for programs, a page for browsers.

Holds the one table from the kinds of refusal to HTTP statuses. What Litestar itself raises (no such path, a body
that is too large, a parameter of the wrong type) comes out in the same form. What nobody foresaw is logged with an
id, and the answer names that id and nothing else.
"""

import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect

from comanda.engine.errors import FieldError, RefusalKind, Refused, Unavailable
from comanda.engine.ids import Ids
from comanda.web.access import SIGN_IN_PATH
from comanda.web.faults import fault
from comanda.web.frame import REQUEST_ID

log = structlog.get_logger(__name__)

STATUS: Mapping[RefusalKind, int] = {
    "malformed": 400,
    "invalid": 422,
    "unauthorised": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "too_many": 429,
}
"""The HTTP status of each kind of refusal."""

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""What an asker is told to wait when a backing service does not answer."""

_CODES = {400: "malformed", 401: "sign-in-needed", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is too large.",
}
NO_BODY = "'data'"
"""What the framework says of a handler's body that is missing."""

RESERVED = frozenset({"type", "title", "status", "detail", "errors"})

Handler = Callable[[Request[Any, Any, Any], Exception], Response[Any]]
PageRenderer = Callable[[Request[Any, Any, Any], "Problem"], str]
"""Turns a problem into a whole HTML page."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document. `code` is a stable slug for programs, `detail` a sentence for people."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, object] = {}
    headers: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        """The same words for every problem of this code."""
        return self.code.replace("-", " ").capitalize()

    def document(self) -> dict[str, object]:
        """Return the members of the JSON document; the problem's own members cannot hide the standard ones."""
        document: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"path": error.path, "message": error.message} for error in self.errors]
        document.update((name, value) for name, value in self.members.items() if name not in RESERVED)
        return document

    def body(self) -> bytes:
        """Return the document as JSON."""
        return msgspec.json.encode(self.document())


def problem_of(error: Refused | Unavailable | HTTPException) -> Problem:
    """Return the problem that tells `error`.

    A refusal's member `retry_after_s` also becomes the header `Retry-After`.
    """
    if isinstance(error, Refused):
        return Problem(
            status=STATUS[error.kind],
            code=error.code,
            detail=error.message,
            errors=error.fields,
            members=error.members,
            headers=_headers_of(error),
        )
    if isinstance(error, Unavailable):
        return Problem(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code="unavailable",
            detail="We cannot answer just now. Nothing was changed; please try again in a moment.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    if isinstance(error, ValidationException):
        return _invalid(error)
    status = error.status_code
    return Problem(
        status=status,
        code=_CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "-")),
        detail=_SENTENCES.get(status, error.detail),
        headers=error.headers or {},
    )


def exception_handlers(render: PageRenderer, ids: Ids) -> dict[int | type[Exception], Handler]:
    """Return Litestar's exception handlers: JSON for programs, `render`'s page for browsers."""

    def answer(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
        if wants_page(request):
            return Response(
                render(request, problem),
                status_code=problem.status,
                headers=dict(problem.headers),
                media_type="text/html",
            )
        return Response(
            problem.body(), status_code=problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
        )

    def foreseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        assert isinstance(error, Refused | Unavailable | HTTPException)  # noqa: S101 - the table below says so
        problem = problem_of(error)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return unforeseen(request, error)
        if isinstance(error, Unavailable):
            log.warning("unavailable", path=request.url.path, error=str(error))
        if problem.status == HTTPStatus.UNAUTHORIZED and request.url.path != SIGN_IN_PATH and wants_page(request):
            return Redirect(f"{SIGN_IN_PATH}?next={quote(_page_to_return_to(request))}", status_code=303)
        return answer(request, problem)

    def undecodable(request: Request[Any, Any, Any], _: Exception) -> Response[Any]:
        """Tell a body that is no text; msgspec's decoder lets Python's own error through."""
        return answer(request, Problem(status=400, code="malformed", detail="The request is not valid UTF-8."))

    def unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        error_id = str(ids.new())
        trace = "".join(traceback.format_exception(error))
        log.error(
            "request failed",
            error_id=error_id,
            request_id=request.scope["state"].get(REQUEST_ID),
            method=request.method,
            path=request.url.path,
            trace=trace,
        )
        return answer(
            request,
            Problem(
                status=HTTPStatus.INTERNAL_SERVER_ERROR,
                code="internal-error",
                detail=f"Something went wrong on our side. If you write to us, please name {error_id}.",
                members={"error_id": error_id},
            ),
        )

    return {
        Refused: foreseen,
        Unavailable: foreseen,
        HTTPException: foreseen,
        UnicodeDecodeError: undecodable,
        Exception: unforeseen,
    }


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether the asker is a browser that looks at pages, not a program."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _page_to_return_to(request: Request[Any, Any, Any]) -> str:
    if request.method not in {"GET", "HEAD"}:
        return "/staff"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _headers_of(error: Refused) -> dict[str, str]:
    headers = {}
    if error.kind == "unauthorised":
        headers["WWW-Authenticate"] = "Bearer"
    wait_s = error.members.get("retry_after_s")
    if isinstance(wait_s, int):
        headers["Retry-After"] = str(wait_s)
    return headers


def _invalid(error: ValidationException) -> Problem:
    """Return the problem of a body, a path or a query that has not the form that the handler wants."""
    entries = [entry for entry in error.extra if isinstance(entry, dict)] if isinstance(error.extra, list) else []
    if any(entry.get("message") == NO_BODY for entry in entries):
        return Problem(status=HTTPStatus.BAD_REQUEST, code="malformed-json", detail="A body of JSON is missing.")
    errors = [_fault_of(entry) for entry in entries]
    told = [f"{error.path}: {error.message}" if error.path else error.message for error in errors]
    return Problem(
        status=STATUS["invalid"],
        code="invalid-form",
        detail=told[0] if len(told) == 1 else "Some things in this request need another look.",
        errors=tuple(errors),
    )


def _fault_of(entry: Mapping[str, object]) -> FieldError:
    path = str(entry.get("key", "")).replace("[", ".").replace("]", "")
    # The framework calls the whole body `data`.
    return fault("" if path == "data" else path, str(entry.get("message", "")))
