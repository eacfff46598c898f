"""Pure rules about the people whom campaigns may reach."""


def domain_of(email: str) -> str:
    """Return the domain of an address in small letters; empty for what is none."""
    local, at, domain = email.rpartition("@")
    return domain.lower() if local and at else ""
