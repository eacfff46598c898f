"""Where a mail may lead: http, https, mailto and tel, and nothing that a mail client could take for a script. Pure."""

import re
from urllib.parse import quote, urlsplit

MOST_LENGTH = 2000
SCHEMES = ("https", "http", "mailto", "tel")
FILES = "files:"
"""How a picture in the files store is named: `files:summer.png`."""

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\"'<>\\^`{|}\u2000-\u200f\u2028-\u202f\u2066-\u2069\ud800-\udfff\ufeff]")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_MAILTO = re.compile(r"mailto:[^@\s?]+@[^@\s?]+(?:\?[^\s]*)?", re.IGNORECASE)
_TEL = re.compile(r"tel:\+?[0-9().;=-]{3,40}", re.IGNORECASE)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.(?:png|jpe?g|gif|webp)", re.IGNORECASE)
_SAFE = "".join(chr(code) for code in range(33, 127))


def link_of(url: str) -> str:
    """Return a link as it may stand in a mail, all ASCII; raises `ValueError` with a sentence that says what is wrong.

    A host name and a path in another script are brought into their ASCII form.
    """
    if not url:
        raise ValueError("A link needs an address, such as https://eat.example/menu.")
    if len(url) > MOST_LENGTH:
        raise ValueError(f"A link has {MOST_LENGTH} characters at most.")
    if _FORBIDDEN.search(url):
        raise ValueError("A link has no spaces, quotes, braces or control characters in it.")
    scheme = url.partition(":")[0].lower()
    if scheme in {"http", "https"}:
        return _web(url)
    if _MAILTO.fullmatch(url) or _TEL.fullmatch(url):
        return quote(url, safe=_SAFE)
    raise ValueError("A link begins with https://, http://, mailto: or tel:.")


def picture_of(source: str) -> str:
    """Return the source of a picture as it stands: `files:…` or `https://…`; raises `ValueError`."""
    if source.startswith(FILES):
        if not _FILE.fullmatch(source.removeprefix(FILES)):
            raise ValueError("A picture in the files store is named such as files:summer.png (png, jpg, gif or webp).")
        return source
    if not source.lower().startswith("https://"):
        raise ValueError("A picture is files:… or https://…: mail clients show no others.")
    return link_of(source)


def _web(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        authority = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise ValueError("The host of this link cannot be read.") from error
    if parts.netloc != host:
        raise ValueError("A link has no user name or password in it.")
    if not _AUTHORITY.fullmatch(authority):
        raise ValueError("A link names a host, such as https://eat.example/menu.")
    return quote(parts._replace(scheme=parts.scheme.lower(), netloc=authority).geturl(), safe=_SAFE)
