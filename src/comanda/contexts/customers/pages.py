"""The staff's pages of customers: who they are, and what they ordered."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.customers.erasure import PersonalData
from comanda.contexts.customers.service import Customers
from comanda.engine.errors import Refused
from comanda.web.access import require, staff_member
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]


class CustomerPages:
    """The pages."""

    def __init__(self, customers: Customers, personal: PersonalData) -> None:
        self._customers = customers
        self._personal = personal

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        one = "/staff/customers/{customer_id:uuid}"
        return [
            get("/staff/customers", guards=guards, include_in_schema=False)(self.listed),
            get(one, guards=guards, include_in_schema=False)(self.customer),
            get(one + "/export", guards=guards, include_in_schema=False)(self.export),
            get(one + "/erase", guards=[require("owner")], include_in_schema=False)(self.before_erasing),
            post(one + "/erase", guards=[require("owner")], include_in_schema=False, status_code=303)(self.erase),
        ]

    async def listed(self, request: AnyRequest, search: FromQuery[str] = "") -> Template:
        """Show the customers that a search finds."""
        found = await self._customers.find(staff_member(request).restaurant_id, search)
        return Template("customers/listed.html", context={"found": found, "search": search})

    async def customer(self, request: AnyRequest, customer_id: FromPath[UUID]) -> Template:
        """Show one customer's history."""
        history = await self._customers.history(staff_member(request).restaurant_id, customer_id)
        return Template("customers/customer.html", context=history._asdict())

    async def export(self, request: AnyRequest, customer_id: FromPath[UUID]) -> Response[bytes]:
        """Give out all that is kept of one customer, as a JSON file."""
        kept = await self._personal.export(staff_member(request).restaurant_id, customer_id)
        return Response(
            msgspec.json.format(msgspec.json.encode(kept), indent=2),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="customer-{customer_id}.json"'},
        )

    async def before_erasing(self, request: AnyRequest, customer_id: FromPath[UUID]) -> Template:
        """Ask whether the customer is really to be erased."""
        history = await self._customers.history(staff_member(request).restaurant_id, customer_id)
        return Template("customers/erase.html", context={"customer": history.customer, "message": ""})

    async def erase(self, request: AnyRequest, customer_id: FromPath[UUID]) -> Template | Redirect:
        """Erase the customer."""
        member = staff_member(request)
        try:
            await self._personal.erase(member.restaurant_id, customer_id, who=member.email)
        except Refused as refused:
            if refused.kind == "not_found":
                raise
            history = await self._customers.history(member.restaurant_id, customer_id)
            context = {"customer": history.customer, "message": refused.message}
            return Template("customers/erase.html", context=context, status_code=STATUS[refused.kind])
        return Redirect("/staff/customers", status_code=303)
