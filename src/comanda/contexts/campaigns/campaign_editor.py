"""The editor of campaigns: one form that works without scripts, its preview, the test mail, and the start."""

import html
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Template

from comanda.contexts.campaigns.campaign_list import audience_names
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaign_words import WORDS
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.document import values_of_document
from comanda.contexts.campaigns.drafting import refused
from comanda.contexts.campaigns.editor_form import Typed, draft_of, typed_in, typed_of
from comanda.contexts.campaigns.editor_moves import MOVES, NAMES, act
from comanda.contexts.campaigns.merge_fields import KNOWN
from comanda.contexts.campaigns.previewing import Previews
from comanda.engine.database import Database
from comanda.engine.errors import FieldError, Refused
from comanda.web.access import require, staff_member
from comanda.web.forms import Form, form_of
from comanda.web.frame import content_policy
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]

ONE = "/staff/campaigns/{number:int}"
PAGE_HEADERS = {"Content-Security-Policy": content_policy() + "; frame-src 'self'"}
FRAME_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; frame-ancestors 'self'"
}
"""A mail is shown with its styles and pictures; nothing in it runs, and nothing in it can be sent."""
SHELL = (
    "<!doctype html><meta charset=utf-8><title>Preview</title><style>body{{margin:0;height:100vh;display:flex;"
    "flex-direction:column;font:14px/1.4 system-ui,sans-serif;background:#fff;color:#222}}"
    "p{{margin:0;padding:10px 14px;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}}iframe{{flex:1;border:0;width:100%}}</style>"
    '<p>{head}</p><iframe sandbox title="The mail" srcdoc="{mail}"></iframe>'
)


class EditorPages:
    """The editor."""

    def __init__(
        self, *, database: Database, campaigns: Campaigns, compiler: CampaignCompiler, previews: Previews
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._compiler = compiler
        self._previews = previews

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        return [
            get(f"{ONE}/edit", guards=guards, include_in_schema=False)(self.open),
            post(f"{ONE}/edit", guards=guards, include_in_schema=False, status_code=200)(self.act),
            post(f"{ONE}/preview", guards=guards, include_in_schema=False, status_code=200)(self.preview),
            post(f"{ONE}/start", guards=guards, include_in_schema=False, status_code=303)(self.start),
        ]

    async def open(self, request: AnyRequest, number: FromPath[int]) -> Template | Redirect:
        """Show the editor; a campaign that has been started is looked at instead."""
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        if row.state not in {"draft", "scheduled"}:
            return Redirect(f"/staff/campaigns/{number}", status_code=303)
        typed = typed_of(row, await self._compiler.scene(row.restaurant_id))
        return await self._page(row, typed, version=row.version)

    async def act(self, request: AnyRequest, number: FromPath[int]) -> Template | Redirect:
        """Do what the pressed button says with what was typed; a refusal shows it again, with the faults."""
        form = form_of(request)
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        typed, version, action = typed_in(form), form.integer("version"), form.one("action", "save")
        if action.partition(":")[0] in MOVES:
            at = act(typed, action)
            return await self._page(row, typed, version=version, form=form, at=at, told="Not saved yet.")
        try:
            if action == "unschedule":
                await self._campaigns.unschedule(row.restaurant_id, row.number)
                return Redirect(request.url.path, status_code=303)
            draft = draft_of(typed, row, await self._compiler.scene(row.restaurant_id))
            row = await self._campaigns.edit(row.restaurant_id, row.number, draft, version=version)
            version = row.version
            return await self._done(row, typed, form)
        except Refused as error:
            if error.kind not in {"invalid", "conflict"}:
                raise
            return await self._page(row, typed, version=version, form=form, error=error)

    async def _done(self, row: CampaignRow, typed: Typed, form: Form) -> Template:
        action = form.one("action", "save")
        if action == "test":
            to = form.one("test_to").replace(",", " ").split()
            try:
                tried = await self._previews.send_test(row, to, position=max(0, form.integer("position", 1) - 1))
            except Refused as error:
                raise refused([FieldError("test_to", error.message)]) from error
            words = (f"{each.email}: {'sent' if each.accepted else each.answer}" for each in tried)
            return await self._page(row, typed, version=row.version, form=form, told="; ".join(words))
        if action == "review":
            at = self._when(form)
            ready = await self._campaigns.ready(row)
            zone = await self._compiler.zone(row.restaurant_id)
            context = {"row": row, "people": ready.people, "when": form.one("when"), "at": at, "zone": zone}
            return Template("campaigns/campaign_start.html", context=context)
        return await self._page(row, typed, version=row.version, told="Saved.")

    async def start(self, request: AnyRequest, number: FromPath[int]) -> Template | Redirect:
        """Start or schedule the campaign in the version that was looked at."""
        form = form_of(request)
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        try:
            if row.version != form.integer("version"):
                message = "Somebody else has changed this campaign meanwhile. Please look at it again."
                raise Refused(message, kind="conflict", code="campaign-changed")  # noqa: TRY301 - told as all others are
            at = self._when(form)
            if at is None:
                await self._campaigns.start(row.restaurant_id, number)
            else:
                by_zone = form.one("when") == "zone"
                await self._campaigns.schedule(row.restaurant_id, number, at, by_zone=by_zone)
        except Refused as error:
            if error.kind not in {"invalid", "conflict"} or row.state not in {"draft", "scheduled"}:
                raise
            typed = typed_of(row, await self._compiler.scene(row.restaurant_id))
            return await self._page(row, typed, version=row.version, form=form, error=error)
        return Redirect(f"/staff/campaigns/{number}", status_code=303)

    async def preview(self, request: AnyRequest, number: FromPath[int]) -> Response[str]:
        """Show what is typed, saved or not, as a real customer would get it."""
        form = form_of(request)
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        try:
            draft = draft_of(typed_in(form), row, await self._compiler.scene(row.restaurant_id))
            row = msgspec.structs.replace(
                row,
                document=values_of_document(draft.document),
                audience_id=draft.audience_id,
                conditions=draft.conditions,
            )
            shown = await self._previews.preview(row, position=max(0, form.integer("position", 1) - 1))
        except Refused as error:
            text = SHELL.format(head=html.escape(f"No preview yet: {error.message}"), mail="")
            return Response(text, media_type="text/html", headers=FRAME_HEADERS)
        whom = f"{shown.position + 1} of {shown.people}: {shown.name} <{shown.email}>" if shown.people else "nobody yet"
        head = f"<b>{html.escape(shown.subject)}</b><br>{html.escape(shown.preheader)}<br>To {html.escape(whom)}"
        text = SHELL.format(head=head, mail=html.escape(shown.html))
        return Response(text, media_type="text/html", headers=FRAME_HEADERS)

    @staticmethod
    def _when(form: Form) -> datetime | None:
        """Return the time that was chosen, without a zone; None is at once."""
        if form.one("when", "now") == "now":
            return None
        try:
            return datetime.fromisoformat(form.one("at")).replace(tzinfo=None)
        except ValueError as error:
            raise refused([FieldError("at", "Please enter a day and a time.")]) from error

    async def _page(
        self,
        row: CampaignRow,
        typed: Typed,
        *,
        version: int,
        form: Form | None = None,
        error: Refused | None = None,
        told: str = "",
        at: str = "",
    ) -> Template:
        form = form or Form()
        scene = await self._compiler.scene(row.restaurant_id)
        context = WORDS | {
            "row": row,
            "typed": typed,
            "version": error.members.get("version", version) if error else version,
            "conflict": error is not None and error.kind == "conflict",
            "message": error.message if error else "",
            "errors": {fault.path: fault.message for fault in error.fields} if error else {},
            "told": told,
            "look_at": at,
            "audiences": await audience_names(self._database, row.restaurant_id),
            "dishes": scene.dishes,
            "free_dishes": [("", "None"), *((id_, dish.name) for id_, dish in scene.dishes.items())],
            "timezone": scene.timezone,
            "currency": scene.currency,
            "kinds": NAMES,
            "merge_fields": KNOWN,
            "when": form.one("when", "now"),
            "at": form.one("at"),
            "test_to": form.one("test_to"),
            "position": form.one("position", "1"),
        }
        status = STATUS[error.kind] if error else 200
        return Template("campaigns/campaign_editor.html", context=context, headers=PAGE_HEADERS, status_code=status)
