"""Files: the port to object storage, and the local folder behind it."""

from comanda.engine.files.errors import BadFileName, FileError, NoSuchFile
from comanda.engine.files.file_name import FileName, checked_file_name
from comanda.engine.files.file_store import FileInfo, FileStore
from comanda.engine.files.files_url import from_url
from comanda.engine.files.local import LocalFileStore

__all__ = [
    "BadFileName",
    "FileError",
    "FileInfo",
    "FileName",
    "FileStore",
    "LocalFileStore",
    "NoSuchFile",
    "checked_file_name",
    "from_url",
]
