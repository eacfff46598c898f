"""The setting `COMANDA_FILES_URL`: from a URL to a file store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from comanda.engine.clock import Clock
from comanda.engine.errors import SettingError
from comanda.engine.files.file_store import FileStore
from comanda.engine.files.local import LocalFileStore

FOLDER = "files"
"""The folder in the data folder that `file:` means."""


def from_url(url: str, *, data_dir: Path, clock: Clock) -> FileStore:
    """Return the store that a files URL names: `file:` in the data folder, or `file:///an/absolute/folder`.

    Raises:
        SettingError: with a sentence that says what to write.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "file" if url == "file:":
            return LocalFileStore(data_dir / FOLDER, clock=clock)
        case "file":
            folder = Path(unquote(parts.path))
            if parts.netloc not in {"", "localhost"} or not folder.is_absolute() or parts.query or parts.fragment:
                raise SettingError(
                    f"The files URL {url} names no folder; write file: or file:///var/lib/comanda/files."
                )
            return LocalFileStore(folder, clock=clock)
        case "s3":
            raise SettingError("Files in S3 (s3://) are not built yet; write file: or file:///var/lib/comanda/files.")
        case _:
            raise SettingError(f"The files URL {url} names no store; write file: or file:///var/lib/comanda/files.")
