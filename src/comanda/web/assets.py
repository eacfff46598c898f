"""Static files, read once into memory and served under a name that changes with their content.

`/static/comanda.1f0c2a9b.css` may be kept for ever by browsers and proxies. The stylesheet is one file to the browser
and a file per part of the house in the source (`static/css/*.css`, joined in the order of their names).
"""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from comanda.engine.errors import Refused

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".txt": "text/plain",
}
FOR_EVER = "public, max-age=31536000, immutable"
STYLESHEET = "comanda.css"


class Asset(msgspec.Struct, frozen=True):
    """A static file: its bytes, plain and compressed (None where that gains nothing)."""

    media_type: str
    plain: bytes
    zipped: bytes | None


class Assets:
    """The static files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._paths: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        self._add(STYLESHEET, b"\n".join(part.read_bytes() for part in sorted((folder / "css").glob("*.css"))))
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.suffix in TYPES:
                self._add(file.name, file.read_bytes())

    def _add(self, name: str, content: bytes) -> None:
        stem, dot, suffix = name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}{dot}{suffix}"
        zipped = gzip.compress(content, 9, mtime=0)
        asset = Asset(TYPES[dot + suffix], content, zipped if len(zipped) < len(content) else None)
        self._paths[name] = f"/static/{hashed}"
        self._assets[hashed] = self._assets[name] = asset

    def path(self, name: str) -> str:
        """Return where the file is served; raises `KeyError` for one that is not there."""
        return self._paths[name]

    def route(self) -> HTTPRouteHandler:
        """Return the handler that serves the files."""

        @get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
        def static(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
            asset = self._assets.get(name)
            if asset is None:
                raise Refused("There is no such file.", kind="not_found", code="not-found")
            headers = {"Vary": "Accept-Encoding"}
            headers["Cache-Control"] = "no-cache" if name in self._paths else FOR_EVER
            content = asset.plain
            if asset.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
                content, headers["Content-Encoding"] = asset.zipped, "gzip"
            return Response(content, media_type=asset.media_type, headers=headers)

        return static
