"""How a coupon's code is written. Pure."""

import re

MAX_CODE = 40
"""Characters in a code, at most."""

CODE = re.compile(rf"[A-Z0-9][A-Z0-9_-]{{0,{MAX_CODE - 1}}}")
"""A folded code."""


def folded_code(code: str) -> str:
    """Return a code as it is stored and compared: capital letters, no white space."""
    return "".join(code.split()).upper()
