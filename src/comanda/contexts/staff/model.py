"""The tables of staff, in the schema `staff`."""

from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Integer, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from comanda.web.access import Role

ROLES: tuple[Role, ...] = get_args(Role)

MOMENT = DateTime(timezone=True)

_ROLE_LIST = ", ".join(f"'{role}'" for role in ROLES)


class Base(DeclarativeBase):
    """Staff's metadata."""

    metadata = MetaData(schema="staff")


class Account(Base):
    """Someone who works at a restaurant. The e-mail is theirs alone in the whole installation: they sign in with it."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("email = lower(btrim(email)) AND email <> ''", name="accounts_email_normalised"),
        CheckConstraint(f"roles <@ ARRAY[{_ROLE_LIST}]::text[]", name="accounts_roles_known"),
        CheckConstraint("password_hash LIKE '$argon2id$%'", name="accounts_password_hashed"),
        Index("accounts_one_per_email", "email", unique=True),
        Index("accounts_by_restaurant", "restaurant_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    disabled_at: Mapped[datetime | None] = mapped_column(MOMENT)
    attributes: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))


class Session(Base):
    """A signed-in browser, or a program with a token. Only the token's SHA-256 is kept."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("kind IN ('browser', 'program')", name="sessions_kind_known"),
        CheckConstraint("length(token_hash) = 32", name="sessions_token_hashed"),
        Index("sessions_by_account", "account_id"),
        Index("sessions_by_end", "expires_at"),
        Index("sessions_by_use", "seen_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("staff.accounts.id", name="sessions_of_account", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    seen_at: Mapped[datetime] = mapped_column(MOMENT)
    expires_at: Mapped[datetime] = mapped_column(MOMENT)


class SignInTries(Base):
    """How often someone has lately tried to sign in: a row per account and address, and one per address."""

    __tablename__ = "sign_in_tries"
    __table_args__ = (
        CheckConstraint("tries >= 0", name="sign_in_tries_not_negative"),
        Index("sign_in_tries_by_age", "since"),
    )

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    tries: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(MOMENT)
