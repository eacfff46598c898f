"""The sandbox's books, as a test reads them."""

from uuid import UUID

from comanda.contexts.payments.providers import LedgerEntry, ProviderLedger


async def entries(provider: ProviderLedger, *subjects: UUID) -> list[LedgerEntry]:
    """Return the lines with one of our ids."""
    return [entry async for entry in provider.ledger() if entry.subject in subjects]


async def money(provider: ProviderLedger, *subjects: UUID) -> list[int]:
    """Return the amounts that moved under our ids."""
    return [entry.amount for entry in await entries(provider, *subjects) if entry.state == "succeeded"]
