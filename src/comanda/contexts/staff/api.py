"""The doors of staff for programs: a token, to be sent as `Authorization: Bearer`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body

from comanda.contexts.staff.service import StaffDesk


class Credentials(msgspec.Struct, frozen=True):
    """Who signs in."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=1000)]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token and what it is good for.

    Attributes:
        token: told once; send it as `Authorization: Bearer`.
        expires_in: seconds.
    """

    token: str
    expires_in: int
    name: str
    roles: list[str]


CREDENTIALS_EXAMPLES = Body(
    description="Who signs in.",
    examples=[Example(summary="An owner", value={"email": "owner@demo.example", "password": "a sentence of mine"})],
)


class StaffApi:
    """The API."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            post("/api/v1/staff/tokens", tags=["Staff"], summary="Sign in a program")(self.sign_in),
            delete("/api/v1/staff/tokens/current", tags=["Staff"], summary="End a token")(self.sign_out),
        ]

    async def sign_in(
        self, request: Request[Any, Any, Any], data: Annotated[Credentials, CREDENTIALS_EXAMPLES]
    ) -> Token:
        """Exchange e-mail and password for a token. After five wrong tries: 429 for a while."""
        address = request.client.host if request.client else ""
        signed_in = await self._desk.sign_in(data.email, data.password, address=address, program=True)
        member = signed_in.member
        return Token(token=signed_in.token, expires_in=signed_in.life_s, name=member.name, roles=sorted(member.roles))

    async def sign_out(self, request: Request[Any, Any, Any]) -> None:
        """End the token that this request carries. Doing it twice is no fault."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await self._desk.sign_out(token.strip())
