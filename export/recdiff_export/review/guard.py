"""Who may ask: whoever knows the token in the address, from this machine, from the page itself.

A page of another site that makes a browser ask here does not know the token; if it did, its Origin would tell it; and a
name of its own that it lets point to this machine is not the Host that is expected.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection

from recdiff_export.serve.options import SERVE_EXTRA

try:
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    from recdiff.errors import UsageError

    raise UsageError(f"review needs {error.name}: {SERVE_EXTRA}") from None

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Lets requests pass to ``app`` whose path begins with ``/token/``, without that beginning.

    Args:
        hosts: what the header Host may say.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, with_headers)
            return
        inner = {**scope, "path": "/" + scope["path"][1:].partition("/")[2], "root_path": ""}
        inner.pop("raw_path", None)
        await self._app(inner, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return _failure(421, "this address is not served here; open the one that was printed")
        given, slash, _ = scope["path"][1:].partition("/")
        # Compared whole and in constant time: how much of a guess was right must not show.
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token) or not slash:
            return _failure(404, "nothing is here; open the address that was printed, with its token")
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts}:
            return _failure(403, "requests of other sites are refused")
        return None


def _failure(status: int, message: str) -> Response:
    return Response(json.dumps({"error": message}), status, media_type="application/json")
