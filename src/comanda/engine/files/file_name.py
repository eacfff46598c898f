"""The names of files, the same for every store, so that what is written to a folder can be moved to S3 and back."""

import re
from typing import NewType

from comanda.engine.files.errors import BadFileName

FileName = NewType("FileName", str)
"""A checked name: parts joined by `/`, below the store's root."""

MOST_OCTETS = 1024
"""UTF-8 octets of a name, as S3 has it."""

MOST_PART_OCTETS = 200
"""UTF-8 octets of one part; Linux has 255, and a temporary name must fit beside it."""

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|\ud800-\udfff]")


def checked_file_name(name: str) -> FileName:
    """Return the name, or raise `BadFileName`.

    Refused: an absolute or empty name, an empty part, a part that begins with a dot (so also `.` and `..`) or ends
    with a dot or a space, control characters, backslashes and what Windows does not allow, too long a name.
    """
    if not name or len(name.encode(errors="replace")) > MOST_OCTETS or _FORBIDDEN.search(name):
        raise BadFileName(name)
    for part in name.split("/"):
        if not part or part[0] == "." or part[-1] in ". " or len(part.encode()) > MOST_PART_OCTETS:
            raise BadFileName(name)
    return FileName(name)


def checked_prefix(prefix: str) -> str:
    """Return the beginning of names to list by: empty for all, else a name that may end in `/`."""
    if prefix:
        checked_file_name(prefix.removesuffix("/"))
    return prefix
