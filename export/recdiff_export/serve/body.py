"""Bodies of requests, in memory from their first byte until the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from recdiff_export.serve.batcher import OverloadError
from recdiff_export.serve.json_body import RequestError


class Bodies:
    """Reads bodies: each of them is bounded, and so are all that are held at the same time."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body, refused as soon as it is known to be too long; it counts as held until the block ends.

        Raises:
            RequestError: 413, it is too long.
            OverloadError: too much is held already.
        """
        self._refuse_declared(request)
        parts, size = [], 0
        try:
            async for part in request.stream():
                if size + len(part) > self._each:
                    raise RequestError(f"the body has more than {self._each} bytes", 413)
                if self._held + len(part) > self._together:
                    raise OverloadError("too many bytes of requests are held; try again")
                size += len(part)
                self._held += len(part)
                parts.append(part)
            body = b"".join(parts)
            parts.clear()
            yield body
        finally:
            self._held -= size

    def _refuse_declared(self, request: Request) -> None:
        declared = request.headers.get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._each:
            raise RequestError(f"the body has {declared[:20]} bytes; at most {self._each}", 413)
