"""What can be asked of staff: sign in and out, find who is signed in, keep accounts.

Implements `web.access.StaffSessions`. Tokens are kept as SHA-256 only: who reads the database cannot sign in with it.
"""

import hashlib
from datetime import timedelta
from uuid import UUID

import msgspec

from comanda.contexts.staff import store
from comanda.contexts.staff.accounts import Account, account_of, check_account, check_roles, clean_email
from comanda.contexts.staff.passwords import Passwords, check_new_password
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.ids import Ids
from comanda.web.access import Role, StaffMember

SESSION_LIFE = timedelta(days=30)
IDLE_LIFE = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=5)
"""A session's last use is written no more often."""

TRY_WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 5
"""Tries for one account from one address within the window; the right password starts the count anew."""
TRIES_PER_ADDRESS = 50
SWEEP_AT_ONCE = 1000


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new session: the token that stands for it, told once, and whose it is."""

    token: str
    member: StaffMember
    life_s: int


class StaffDesk:
    """Accounts and sessions of all restaurants."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, passwords: Passwords | None = None) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._passwords = passwords or Passwords()

    async def member(self, token: str) -> StaffMember | None:
        """Return whose session or API token this is; None when it is unknown, over, or its account disabled."""
        token_hash = _hash(token)
        now = self._clock.now()
        row = await store.session_member(self._database, token_hash, now, IDLE_LIFE)
        if row is None:
            return None
        if now - row["seen_at"] > SEEN_EVERY:
            async with self._database.transaction() as tx:
                await store.touch_session(tx, token_hash, now)
        return account_of(row).member

    async def sign_in(self, email: str, password: str, *, address: str, program: bool = False) -> SignedIn:
        """Return a new session; raises `Refused`: unauthorised, or too many tries.

        Args:
            email: as it was typed.
            password: as it was typed.
            address: where the try comes from, for the limit.
            program: whether the token is for a program, not for a browser's cookie.
        """
        cleaned = clean_email(email) or ""
        await self._count_try(cleaned, address)
        row = await store.account_by_email(self._database, cleaned)
        known_hash = row["password_hash"] if row is not None and row["disabled_at"] is None else None
        if not await self._passwords.matches(password, known_hash) or row is None:
            raise Refused("E-mail and password do not match.", kind="unauthorised", code="wrong-credentials")
        token = self._ids.token() + self._ids.token()
        better = await self._passwords.hash(password) if self._passwords.is_outdated(row["password_hash"]) else None
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await store.forget_tries(tx, _account_key(cleaned, address))
            if better is not None:
                await store.set_password(tx, row["id"], better)
            await store.insert_session(
                tx,
                token_hash=_hash(token),
                account_id=row["id"],
                kind="program" if program else "browser",
                now=now,
                expires_at=now + SESSION_LIFE,
            )
        return SignedIn(token=token, member=account_of(row).member, life_s=int(SESSION_LIFE.total_seconds()))

    async def sign_out(self, token: str) -> None:
        """End the session, if it is one."""
        async with self._database.transaction() as tx:
            await store.delete_session(tx, _hash(token))

    async def change_password(self, member: StaffMember, *, old: str, new: str, token: str) -> None:
        """Give the member a new password and end their other sessions; raises `Refused` when `old` is wrong."""
        check_new_password(new, field="new_password")
        row = await store.account_by_email(self._database, member.email)
        if row is None or not await self._passwords.matches(old, row["password_hash"]):
            message = "This is not your password."
            raise Refused(message, kind="invalid", code="wrong-password", fields=[FieldError("old_password", message)])
        password_hash = await self._passwords.hash(new)
        async with self._database.transaction() as tx:
            await store.set_password(tx, member.id, password_hash)
            await store.delete_sessions_of(tx, member.id, but=_hash(token))

    async def accounts(self, restaurant_id: UUID) -> list[Account]:
        """Return the restaurant's accounts, disabled ones last."""
        return [account_of(row) for row in await store.accounts(self._database, restaurant_id)]

    async def create_account(self, restaurant_id: UUID, *, email: str, name: str, roles: frozenset[Role]) -> str:
        """Make an account and return its first password, told once; raises `Refused` (invalid)."""
        password = self._ids.token()
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            await self._insert(tx, restaurant_id, email=email, name=name, roles=roles, password_hash=password_hash)
        return password

    async def create_first_account(self, tx: Transaction, restaurant_id: UUID, *, email: str, name: str) -> str | None:
        """Make an owner's account where the restaurant has none, and return its password; None where one stands."""
        if await store.lock_accounts(tx, restaurant_id):
            return None
        password = self._ids.token()
        password_hash = await self._passwords.hash(password)
        owner: frozenset[Role] = frozenset({"owner"})
        await self._insert(tx, restaurant_id, email=email, name=name, roles=owner, password_hash=password_hash)
        return password

    async def change_account(
        self, restaurant_id: UUID, account_id: UUID, *, roles: frozenset[Role], enabled: bool
    ) -> None:
        """Say what an account may do; a restaurant always keeps an owner who can sign in.

        A disabled account's sessions end.
        """
        check_roles(roles)
        async with self._database.transaction() as tx:
            accounts = {row["id"]: account_of(row) for row in await store.lock_accounts(tx, restaurant_id)}
            account = _found(accounts, account_id)
            others = [other for other in accounts.values() if other.id != account_id]
            owner_stays = enabled and "owner" in roles
            if not owner_stays and not any(other.enabled and "owner" in other.roles for other in others):
                raise Refused("A restaurant keeps at least one owner.", kind="conflict", code="last-owner")
            disabled_at = None if enabled else account.disabled_at or self._clock.now()
            await store.set_roles(tx, account_id, sorted(roles), disabled_at)
            if not enabled:
                await store.delete_sessions_of(tx, account_id)

    async def reset_password(self, restaurant_id: UUID, account_id: UUID) -> str:
        """Give an account a new password, end its sessions, and return the password, told once."""
        password = self._ids.token()
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            accounts = {row["id"]: account_of(row) for row in await store.lock_accounts(tx, restaurant_id)}
            _found(accounts, account_id)
            await store.set_password(tx, account_id, password_hash)
            await store.delete_sessions_of(tx, account_id)
        return password

    async def sweep(self) -> None:
        """Delete what is over: sessions and counts of tries."""
        async with self._database.transaction() as tx:
            await store.sweep(tx, self._clock.now(), IDLE_LIFE, TRY_WINDOW, SWEEP_AT_ONCE)

    async def _insert(
        self,
        tx: Transaction,
        restaurant_id: UUID,
        *,
        email: str,
        name: str,
        roles: frozenset[Role],
        password_hash: str,
    ) -> None:
        email, name = check_account(email, name, roles)
        free = await store.insert_account(
            tx,
            account_id=self._ids.new(),
            restaurant_id=restaurant_id,
            email=email,
            name=name,
            password_hash=password_hash,
            roles=sorted(roles),
            now=self._clock.now(),
        )
        if not free:
            message = "There is an account with this e-mail already."
            raise Refused(message, kind="invalid", code="email-taken", fields=[FieldError("email", message)])

    async def _count_try(self, email: str, address: str) -> None:
        """Count before looking at the password, so that a thousand tries at once are a thousand tries."""
        now = self._clock.now()
        limits = ((f"address {address}", TRIES_PER_ADDRESS), (_account_key(email, address), TRIES_PER_ACCOUNT))
        for key, limit in limits:
            async with self._database.transaction() as tx:
                tries, since = await store.count_try(tx, key, now, TRY_WINDOW)
            if tries > limit:
                wait_s = max(1, int((since + TRY_WINDOW - now).total_seconds()))
                raise Refused(
                    f"Too many tries. Please wait {-(-wait_s // 60)} minutes.",
                    kind="too_many",
                    code="too-many-tries",
                    members={"retry_after_s": wait_s},
                )


def _found(accounts: dict[UUID, Account], account_id: UUID) -> Account:
    account = accounts.get(account_id)
    if account is None:
        raise Refused("There is no such account.", kind="not_found", code="account-unknown")
    return account


def _account_key(email: str, address: str) -> str:
    return f"account {email} {address}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
