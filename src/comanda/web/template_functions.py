"""What every template can call, for the request that it answers."""

from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from comanda.web.access import StaffLink, StaffMember, member_in
from comanda.web.csrf import FIELD, Csrf


def functions(csrf: Csrf, links: Sequence[StaffLink]) -> dict[str, Any]:
    """Return the functions by the names under which templates call them.

    `csrf_field()` is the hidden field that every form that posts must have; `signed_in()` is the member of staff or
    None; `staff_links()` are the pages that this member may open; `here()` is the path of the page.
    """

    @jinja2.pass_context
    def csrf_field(context: jinja2.runtime.Context) -> Markup:
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf.token(_scope(context)))

    @jinja2.pass_context
    def signed_in(context: jinja2.runtime.Context) -> StaffMember | None:
        return member_in(_scope(context))

    @jinja2.pass_context
    def staff_links(context: jinja2.runtime.Context) -> list[StaffLink]:
        member = member_in(_scope(context))
        return [link for link in links if member is not None and member.may(*link.roles)]

    @jinja2.pass_context
    def here(context: jinja2.runtime.Context) -> str:
        return str(_scope(context)["path"])

    return {"csrf_field": csrf_field, "signed_in": signed_in, "staff_links": staff_links, "here": here}


def _scope(context: jinja2.runtime.Context) -> Any:
    return context["request"].scope
