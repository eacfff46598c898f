"""Staff: accounts, roles, sessions."""
