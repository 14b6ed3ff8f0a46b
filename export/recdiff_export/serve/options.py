"""What a server allows its clients."""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass, fields

from recdiff.errors import UsageError

SERVE_EXTRA = "pip install starlette uvicorn httptools prometheus-client"
"""What the extra `serve` installs, of the whole package and of the runtime alone."""


@dataclass(frozen=True)
class ServeOptions:
    """Limits and access of a server.

    Attributes:
        token: where given, every path but health wants ``Authorization: Bearer TOKEN``; any text that fits a line.
        max_body: bytes of one request.
        max_bodies: bytes of all requests under way; beyond, the answer is 503.
        max_values: numbers, texts, lists and objects of one JSON body.
        max_rows: edges, users times k, or embeddings of one request.
        queue_rows: as many may wait, of edges, of users times k, and of embeddings; beyond, the answer is 503.
        max_k: items of one recommendation.
        max_head: bytes of a request before its body.
        max_headers: headers of a request.
        max_url: bytes of its address.
        max_connections: clients at once.
        read_seconds: until a request has arrived whole, and until a response was taken.
        idle_seconds: between two requests of a connection.
        stop_seconds: how long requests under way may take once the server was told to stop.
    """

    token: str | None = None
    max_body: int = 16 << 20
    max_bodies: int = 128 << 20
    max_values: int = 1_000_000
    max_rows: int = 100_000
    queue_rows: int = 1_000_000
    max_k: int = 1000
    max_head: int = 32 << 10
    max_headers: int = 100
    max_url: int = 8 << 10
    max_connections: int = 512
    read_seconds: float = 30
    idle_seconds: int = 30
    stop_seconds: int = 30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "token" and value <= 0:
                raise UsageError(f"{field.name} must be above 0, not {value}")
        if self.queue_rows < self.max_rows:
            raise UsageError(f"queue_rows ({self.queue_rows}) must hold one request of max_rows ({self.max_rows})")
        if self.max_bodies < self.max_body:
            raise UsageError(f"max_bodies ({self.max_bodies}) must hold one request of max_body ({self.max_body})")
        if self.token is not None:
            _spellings(self.token)

    def admits(self, authorization: bytes) -> bool:
        """Say whether the header ``authorization`` carries the token, in UTF-8 or Latin-1, or none is needed."""
        if self.token is None:
            return True
        scheme, _, given = authorization.partition(b" ")
        # Compared whole and in constant time: how much of a guess was right must not show.
        found = [hmac.compare_digest(given.strip(b" \t"), each) for each in _spellings(self.token)]
        return scheme.lower() == b"bearer" and any(found)


def _spellings(token: str) -> list[bytes]:
    """Return how clients may spell ``token`` in a header, which begins and ends without blanks."""
    plain = token.strip(" \t\r\n")
    if not plain or any(unicodedata.category(sign) == "Cc" for sign in plain):
        raise UsageError("the token is empty or holds a control character, which no header can carry")
    try:
        # What an environment variable holds beyond UTF-8 comes as surrogates.
        spelled = [plain.encode("utf-8", "surrogateescape")]
    except UnicodeEncodeError:
        raise UsageError("the token is not Unicode text") from None
    try:
        return [*spelled, plain.encode("latin-1")]
    except UnicodeEncodeError:
        return spelled
