"""The cookies that Comanda sets, and reading them straight from a request's headers."""

from litestar.types import HTTPScope

VISITOR_COOKIE = "comanda_visitor"
"""A random name for a browser, to tie forms to it. Says nothing of its owner."""
SESSION_COOKIE = "comanda_session"
"""The staff's session."""


def cookie_of(scope: HTTPScope, name: str) -> str | None:
    """Return the value of the first cookie called `name`, or None.

    Reads the raw headers, so that a request without cookies costs next to nothing.
    """
    wanted = name.encode() + b"="
    for header, value in scope["headers"]:
        if header != b"cookie" or wanted not in value:
            continue
        for part in value.split(b";"):
            part = part.strip()  # noqa: PLW2901 - the same cookie, without its space
            if part.startswith(wanted):
                return str(part[len(wanted) :], "latin-1").strip('"') or None
    return None


def set_cookie(name: str, value: str, *, secure: bool, max_age_s: int | None = None, path: str = "/") -> str:
    """Return a `Set-Cookie` value: never readable by scripts, never sent along by other sites' forms.

    With `secure`, browsers send it over https only. They forget it after `max_age_s` seconds; None is the end of the
    browser's own session, 0 is now.
    """
    text = f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax"
    if max_age_s is not None:
        text += f"; Max-Age={max_age_s}"
    return text + "; Secure" if secure else text
