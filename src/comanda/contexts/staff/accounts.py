"""Accounts as values, and what a good one is."""

from datetime import datetime
from uuid import UUID

import email_validator
import msgspec

from comanda.contexts.staff.model import ROLES
from comanda.engine.database import Record
from comanda.engine.errors import FieldError, Refused
from comanda.web.access import Role, StaffMember

MAX_NAME_LENGTH = 100


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who works at a restaurant."""

    id: UUID
    restaurant_id: UUID
    email: str
    name: str
    roles: frozenset[Role]
    disabled_at: datetime | None = None

    @property
    def enabled(self) -> bool:
        """Whether the account may sign in."""
        return self.disabled_at is None

    @property
    def member(self) -> StaffMember:
        """The account as other contexts see it."""
        return StaffMember(
            id=self.id, restaurant_id=self.restaurant_id, name=self.name, email=self.email, roles=self.roles
        )


def account_of(row: Record) -> Account:
    """Return the account in a row."""
    return Account(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        email=row["email"],
        name=row["name"],
        roles=frozenset(row["roles"]),
        disabled_at=row.get("disabled_at"),
    )


def clean_email(email: str) -> str | None:
    """Return the address in its one form, or None if it is none."""
    try:
        return email_validator.validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except email_validator.EmailNotValidError:
        return None


def check_account(email: str, name: str, roles: frozenset[Role]) -> tuple[str, str]:
    """Return e-mail and name in their one form; raises `Refused` (invalid) with all that is wrong."""
    errors = []
    cleaned = clean_email(email)
    if cleaned is None:
        errors.append(FieldError("email", "This is not an e-mail address."))
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        errors.append(FieldError("name", f"A name has 1 to {MAX_NAME_LENGTH} characters."))
    try:
        check_roles(roles)
    except Refused as refused:
        errors.extend(refused.fields)
    if errors or cleaned is None:
        raise Refused(errors[0].message, kind="invalid", code="invalid-account", fields=errors)
    return cleaned, name


def check_roles(roles: frozenset[Role]) -> None:
    """Raise `Refused` (invalid) when there is no role, or one that is unknown."""
    if not roles or not roles <= set(ROLES):
        message = "Choose at least one role."
        raise Refused(message, kind="invalid", code="invalid-account", fields=[FieldError("roles", message)])
