"""What preparing a database made: told by `comanda seed` to whoever started it."""

import msgspec


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What preparing the database made.

    Attributes:
        restaurants: the slugs of the restaurants there are.
        email, password: of the first account, where it was made just now.
    """

    restaurants: tuple[str, ...] = ()
    email: str | None = None
    password: str | None = None
