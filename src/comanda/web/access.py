"""Who may open what: the signed-in member of staff, and the guard that asks for a role.

The staff context implements `StaffSessions`; every other context only names the roles it wants.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from comanda.engine.errors import Refused

Role = Literal["owner", "kitchen", "marketer", "operator"]

SIGN_IN_PATH = "/staff/sign-in"
"""Where someone who is not signed in is sent."""

MEMBER = "comanda_staff_member"
"""Where the middleware leaves the signed-in member in the request's state."""


class StaffMember(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who works at one restaurant, signed in. An owner may do whatever any role may."""

    id: UUID
    restaurant_id: UUID
    name: str
    email: str
    roles: frozenset[Role]

    def may(self, *roles: Role) -> bool:
        """Whether the member has one of the roles, or is an owner."""
        return "owner" in self.roles or not self.roles.isdisjoint(roles)


class StaffLink(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the staff's: where it is, what it is called, what one does there, and who may open it."""

    path: str
    title: str
    purpose: str
    roles: tuple[Role, ...]


class StaffSessions(Protocol):
    """Finds out who is signed in."""

    async def member(self, token: str) -> StaffMember | None:
        """Return whose session or API token this is; None when it is unknown or over."""
        ...


def member_in(scope: Mapping[str, Any]) -> StaffMember | None:
    """Return the signed-in member, or None."""
    member = scope["state"].get(MEMBER)
    return member if isinstance(member, StaffMember) else None


def staff_member(connection: ASGIConnection) -> StaffMember:  # type: ignore[type-arg]
    """Return the signed-in member; raises `Refused` (unauthorised) when nobody is."""
    member = member_in(connection.scope)
    if member is None:
        raise Refused("Sign in first.", kind="unauthorised", code="sign-in-needed")
    return member


def require(*roles: Role) -> Guard:
    """Return a Litestar guard that lets through members with one of `roles`."""

    def guard(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        if not staff_member(connection).may(*roles):
            raise Refused("Your account does not have the role for this.", kind="forbidden", code="role-needed")

    return guard
