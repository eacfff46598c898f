"""The mailbox in the browser, and the same for programs.

What a stranger wrote is shown without trust: the HTML of a mail stands in a frame of its own with a Content Security
Policy that gives it no script, no form, no request to anywhere; its links open in a new tab.
"""

import re
from pathlib import Path
from typing import Annotated, Any

import jinja2
import msgspec
from litestar import Litestar, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from comanda.mail.mailbox.letter import Letter
from comanda.mail.mailbox.record import MOST_LISTED, Arrival, Double, Record

PAGE_SIZE = 50
"""Mails on one page."""

MOST_MESSAGE_IDS = 500
"""Message-IDs in one look-up."""

TEMPLATES = Path(__file__).parent / "templates"

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For the mailbox's own pages."""

FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'self'"
)
"""For the HTML part of a mail: styles and its own images, nothing else."""

_ADDRESS_OF_NAMED = re.compile(r"(?<=[^\s,])\s*<[^<>]*>")
_HEAD = re.compile(r"<head\b[^>]*>|<!doctype[^>]*>", re.IGNORECASE)

Number = Annotated[int, PathParameter()]
Before = Annotated[int | None, QueryParameter(name="before")]
Search = Annotated[str, QueryParameter(name="q", max_length=200)]


class ArrivalList(msgspec.Struct, frozen=True, kw_only=True):
    """Arrivals, newest first; `before` is what to ask for next, or None at the end."""

    messages: list[Arrival]
    before: int | None


class ArrivalDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One mail, taken apart."""

    arrival: Arrival
    headers: list[tuple[str, str]]
    text: str
    html: str


class Doubles(msgspec.Struct, frozen=True, kw_only=True):
    """What has arrived more than once, out of how many in all."""

    count: int
    doubles: list[Double]


def mailbox_app(record: Record) -> Litestar:
    """Return the ASGI application over one record."""
    pages = Pages(record)
    return Litestar(
        [*pages.routes()],
        openapi_config=None,
        logging_config=None,
        cache_control=CacheControlHeader(no_store=True),
        response_headers={"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"},
    )


class Pages:
    """The handlers over one record."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["people"] = people

    def routes(self) -> list[HTTPRouteHandler]:
        """Return what the application serves."""
        return [*self._pages(), *self._api(), *_static()]

    def _pages(self) -> list[HTTPRouteHandler]:
        @get("/")
        async def index(q: Search = "", before: Before = None) -> Response[str]:
            arrivals = await self._record.newest(search=q, before=before, limit=PAGE_SIZE + 1)
            more = arrivals[PAGE_SIZE - 1].id if len(arrivals) > PAGE_SIZE else None
            return self._page(
                "index.html",
                arrivals=arrivals[:PAGE_SIZE],
                more=more,
                q=q,
                first=before is None,
                count=await self._record.count(),
            )

        @get("/messages/{number:int}")
        async def message(number: Number) -> Response[str]:
            arrival, letter, _ = await self._letter(number)
            return self._page("message.html", arrival=arrival, letter=letter)

        @get("/messages/{number:int}/html")
        async def html(number: Number) -> Response[str]:
            _, letter, _ = await self._letter(number)
            return Response(
                _links_open_outside(letter.html()),
                media_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": FRAME_POLICY},
            )

        @get("/messages/{number:int}/raw")
        async def raw(number: Number) -> Response[bytes]:
            _, _, octets = await self._letter(number)
            return _download(octets, f"mail-{number}.eml", "message/rfc822")

        @get("/messages/{number:int}/attachments/{place:int}")
        async def attachment(number: Number, place: Number) -> Response[bytes]:
            _, letter, _ = await self._letter(number)
            parts = letter.attachments()
            if not 0 <= place < len(parts):
                raise NotFoundException("This mail has no such part.")
            return _download(parts[place].content, f"mail-{number}-part-{place}", "application/octet-stream")

        return [index, message, html, raw, attachment]

    def _api(self) -> list[HTTPRouteHandler]:
        @get("/api/messages")
        async def messages(
            q: Search = "",
            before: Before = None,
            after: Annotated[int, QueryParameter(name="after")] = 0,
            message_id: Annotated[
                list[str] | None, QueryParameter(name="message_id", max_items=MOST_MESSAGE_IDS)
            ] = None,
            limit: Annotated[int, QueryParameter(name="limit", ge=1, le=MOST_LISTED)] = PAGE_SIZE,
        ) -> ArrivalList:
            if message_id is not None:
                return ArrivalList(messages=await self._record.by_message_id(message_id, limit=10_000), before=None)
            arrivals = await self._record.newest(search=q, before=before, after=after, limit=limit)
            return ArrivalList(messages=arrivals, before=arrivals[-1].id if len(arrivals) == limit else None)

        @get("/api/messages/{number:int}")
        async def details(number: Number) -> ArrivalDetails:
            arrival, letter, _ = await self._letter(number)
            return ArrivalDetails(arrival=arrival, headers=letter.headers(), text=letter.text(), html=letter.html())

        @get("/api/doubles")
        async def doubles() -> Doubles:
            return Doubles(count=await self._record.count(), doubles=await self._record.doubles())

        @get("/healthz")
        async def health() -> dict[str, int]:
            return {"mails": await self._record.count()}

        return [messages, details, doubles, health]

    async def _letter(self, number: int) -> tuple[Arrival, Letter, bytes]:
        found = await self._record.one(number)
        if found is None:
            raise NotFoundException("There is no such mail.")
        arrival, octets = found
        return arrival, Letter(octets), octets

    def _page(self, template: str, **values: Any) -> Response[str]:
        return Response(
            self._templates.get_template(template).render(**values),
            media_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": PAGE_POLICY},
        )


def people(addresses: str) -> str:
    """Return the names of those who have one, else the addresses: `Ada, bob@example.com`."""
    return _ADDRESS_OF_NAMED.sub("", addresses)


def _static() -> list[HTTPRouteHandler]:
    style, script = (TEMPLATES / "mailbox.css").read_text(), (TEMPLATES / "mailbox.js").read_text()

    @get("/mailbox.css")
    async def stylesheet() -> Response[str]:
        return Response(style, media_type="text/css; charset=utf-8")

    @get("/mailbox.js")
    async def javascript() -> Response[str]:
        return Response(script, media_type="text/javascript; charset=utf-8")

    return [stylesheet, javascript]


def _download(octets: bytes, name: str, media_type: str) -> Response[bytes]:
    return Response(
        octets,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"},
    )


def _links_open_outside(html: str) -> str:
    """Return the HTML with a base that opens links in a new tab; the frame itself can go nowhere."""
    base = '<base target="_blank">'
    place = _HEAD.search(html)
    return html[: place.end()] + base + html[place.end() :] if place else base + html
