"""The doors of staff for people: sign in and out, the landing page, one's password, the accounts."""

from typing import Any, cast
from uuid import UUID

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.staff.model import ROLES
from comanda.contexts.staff.service import StaffDesk
from comanda.engine.errors import Refused
from comanda.web.access import SIGN_IN_PATH, Role, member_in, require, staff_member
from comanda.web.cookies import SESSION_COOKIE, cookie_of, set_cookie
from comanda.web.forms import Form, form_of
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]

ROLE_WORDS: dict[Role, str] = {
    "owner": "does everything, and keeps the accounts",
    "kitchen": "works the board and the orders",
    "marketer": "sees customers, runs campaigns",
    "operator": "watches over the machinery",
}


class StaffPages:
    """The pages.

    Args:
        desk: what they ask.
        secure: whether the session's cookie travels over https only.
    """

    def __init__(self, desk: StaffDesk, *, secure: bool) -> None:
        self._desk = desk
        self._secure = secure

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        anyone, owner = [require(*ROLES)], [require("owner")]
        return [
            get("/staff/sign-in", include_in_schema=False)(self.sign_in_form),
            post("/staff/sign-in", include_in_schema=False, status_code=303)(self.sign_in),
            post("/staff/sign-out", include_in_schema=False, status_code=303)(self.sign_out),
            get("/staff", include_in_schema=False, guards=anyone)(self.landing),
            get("/staff/password", include_in_schema=False, guards=anyone)(self.password_form),
            post("/staff/password", include_in_schema=False, guards=anyone)(self.change_password),
            get("/staff/accounts", include_in_schema=False, guards=owner)(self.accounts),
            post("/staff/accounts", include_in_schema=False, guards=owner)(self.create_account),
            post("/staff/accounts/{account_id:uuid}", include_in_schema=False, guards=owner)(self.change_account),
        ]

    async def sign_in_form(
        self,
        request: AnyRequest,
        next: FromQuery[str] = "/staff",  # noqa: A002 - the name in the address
    ) -> Template | Redirect:
        """Show the form, or go on when someone is signed in already."""
        if member_in(request.scope) is not None:
            return Redirect(_own_path(next), status_code=303)
        return _sign_in_page(next=next)

    async def sign_in(self, request: AnyRequest) -> Template | Redirect:
        """Begin a session."""
        form = form_of(request)
        address = request.client.host if request.client else ""
        try:
            signed_in = await self._desk.sign_in(form.one("email"), form.secret("password"), address=address)
        except Refused as refused:
            return _sign_in_page(next=form.one("next"), email=form.one("email"), refused=refused)
        cookie = set_cookie(SESSION_COOKIE, signed_in.token, secure=self._secure, max_age_s=signed_in.life_s)
        return Redirect(_own_path(form.one("next")), status_code=303, headers={"Set-Cookie": cookie})

    async def sign_out(self, request: AnyRequest) -> Redirect:
        """End the session."""
        token = cookie_of(request.scope, SESSION_COOKIE)
        if token is not None:
            await self._desk.sign_out(token)
        cookie = set_cookie(SESSION_COOKIE, "", secure=self._secure, max_age_s=0)
        return Redirect(SIGN_IN_PATH, status_code=303, headers={"Set-Cookie": cookie})

    async def landing(self) -> Template:
        """Show what the member may do."""
        return Template("staff/landing.html")

    async def password_form(self) -> Template:
        """Show the form for another password."""
        return Template("staff/password.html", context={"errors": {}, "changed": False})

    async def change_password(self, request: AnyRequest) -> Template:
        """Take another password."""
        form = form_of(request)
        new = form.secret("new_password")
        errors: dict[str, str] = {}
        if new != form.secret("new_password_again"):
            errors = {"new_password_again": "The two are not the same."}
        else:
            member, token = staff_member(request), cookie_of(request.scope, SESSION_COOKIE) or ""
            try:
                await self._desk.change_password(member, old=form.secret("old_password"), new=new, token=token)
            except Refused as refused:
                errors = {field.path: field.message for field in refused.fields}
        context = {"errors": errors, "changed": not errors}
        return Template("staff/password.html", context=context, status_code=422 if errors else 200)

    async def accounts(self, request: AnyRequest) -> Template:
        """Show the accounts."""
        return await self._accounts_page(request)

    async def create_account(self, request: AnyRequest) -> Template:
        """Make an account and tell its password once."""
        form = form_of(request)
        restaurant_id = staff_member(request).restaurant_id
        email, name = form.one("email"), form.one("name")
        try:
            password = await self._desk.create_account(restaurant_id, email=email, name=name, roles=_roles(form))
        except Refused as refused:
            return await self._accounts_page(request, form=form, refused=refused)
        return await self._accounts_page(request, told=(email, password))

    async def change_account(self, request: AnyRequest, account_id: FromPath[UUID]) -> Template | Redirect:
        """Change what an account may do, or give it a new password."""
        form = form_of(request)
        restaurant_id = staff_member(request).restaurant_id
        enabled = form.one("action") != "disable"
        try:
            if form.one("action") == "reset":
                password = await self._desk.reset_password(restaurant_id, account_id)
                return await self._accounts_page(request, told=(form.one("email"), password))
            await self._desk.change_account(restaurant_id, account_id, roles=_roles(form), enabled=enabled)
        except Refused as refused:
            if refused.kind == "not_found":
                raise
            return await self._accounts_page(request, refused=refused)
        return Redirect("/staff/accounts", status_code=303)

    async def _accounts_page(
        self,
        request: AnyRequest,
        *,
        form: Form | None = None,
        refused: Refused | None = None,
        told: tuple[str, str] | None = None,
    ) -> Template:
        typed = form or Form()
        context = {
            "accounts": await self._desk.accounts(staff_member(request).restaurant_id),
            "roles": ROLE_WORDS,
            "typed": {"email": typed.one("email"), "name": typed.one("name"), "roles": typed.every("role")},
            "errors": {field.path: field.message for field in refused.fields} if refused and form else {},
            "message": refused.message if refused and not form else "",
            "told": told,
        }
        status = STATUS[refused.kind] if refused else 200
        return Template("staff/accounts.html", context=context, status_code=status)


def _sign_in_page(*, next: str, email: str = "", refused: Refused | None = None) -> Template:  # noqa: A002 - as in the form
    context = {"next": _own_path(next), "email": email, "message": refused.message if refused else ""}
    return Template("staff/sign_in.html", context=context, status_code=STATUS[refused.kind] if refused else 200)


def _own_path(path: str) -> str:
    """Return the path if it is one of the staff's own pages; the landing page for all else, other sites included."""
    own = path.startswith(("/staff", "/ops"))
    good = own and path.isprintable() and path.isascii() and "\\" not in path and "//" not in path
    return path if good and not path.startswith(SIGN_IN_PATH) else "/staff"


def _roles(form: Form) -> frozenset[Role]:
    return frozenset(cast("list[Role]", form.every("role")))
