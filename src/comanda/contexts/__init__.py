"""The business, a context per folder. They do not import each other."""
