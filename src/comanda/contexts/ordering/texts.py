"""What people type: cleaned of what nobody can see, and folded for comparing. Pure."""

import re
import unicodedata

from comanda.engine.errors import FieldError

HARMFUL = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # Control characters, but for tab and line ends.
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"  # Invisible, or turning the reading direction.
    "\ud800-\udfff"  # Lone surrogates, which no encoding can carry.
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # Annotations and tags.
    "]"
)
"""What has no place in a name, a note or an address: it hides what a reader should see."""


def clean_text(text: str, path: str, errors: list[FieldError], *, lines: bool = False) -> str:
    """Return `text` in NFC with its white space tidied; characters that do harm are told in `errors`.

    Args:
        text: as it was typed.
        path: of its field.
        errors: what is wrong is added to it.
        lines: whether line breaks stay.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    if HARMFUL.search(text):
        errors.append(FieldError(path, "There is a character in here that cannot be seen; please type this anew."))
        return ""
    text = unicodedata.normalize("NFC", text)
    if lines:
        return "\n".join(" ".join(line.split()) for line in text.splitlines()).strip("\n")
    return " ".join(text.split())


def folded(text: str) -> str:
    """Return `text` as it is compared: compatibility forms, case and white space make no difference."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
