"""The errors of file stores.

FileError
├── BadFileName   the name is not one that every store can hold
└── NoSuchFile    there is no file of this name
"""

from comanda.engine.errors import ComandaError


class FileError(ComandaError):
    """The root. `name` is the file's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class BadFileName(FileError):
    """The name is not one that every store can hold."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{name[:200]!r} cannot be the name of a file.")


class NoSuchFile(FileError):
    """There is no file of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"There is no file {name!r}.")
