"""The staff's pages of customers: who they are, and what they ordered."""

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from comanda.contexts.customers.service import Customers
from comanda.web.access import require, staff_member

AnyRequest = Request[Any, Any, Any]


class CustomerPages:
    """The pages."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        one = "/staff/customers/{customer_id:uuid}"
        return [
            get("/staff/customers", guards=guards, include_in_schema=False)(self.listed),
            get(one, guards=guards, include_in_schema=False)(self.customer),
        ]

    async def listed(self, request: AnyRequest, search: FromQuery[str] = "") -> Template:
        """Show the customers that a search finds."""
        found = await self._customers.find(staff_member(request).restaurant_id, search)
        return Template("customers/listed.html", context={"found": found, "search": search})

    async def customer(self, request: AnyRequest, customer_id: FromPath[UUID]) -> Template:
        """Show one customer's history."""
        history = await self._customers.history(staff_member(request).restaurant_id, customer_id)
        return Template("customers/customer.html", context=history._asdict())
