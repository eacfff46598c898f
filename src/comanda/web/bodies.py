"""Bodies of JSON, read so that whatever bytes arrive end in a value or in a sentence about what is wrong with them."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import ClientException

from comanda.engine.errors import Refused

MAX_BODY_BYTES = 1024 * 1024
"""No request body is larger; the answer to a larger one is 413."""

_decoder = msgspec.json.Decoder()


class JsonRequest(Request[Any, Any, State]):
    """A request whose body is JSON and says so; the framework's own takes any content type, and stumbles over some."""

    async def json(self) -> Any:
        """Return the body's value; raises `Refused` (malformed), or 415 for a body that is not said to be JSON."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise ClientException(
                "Send the body as JSON, with the header Content-Type: application/json.",
                status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            )
        try:
            return _decoder.decode(await self.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("The body is not valid JSON.", kind="malformed", code="malformed-json") from error
