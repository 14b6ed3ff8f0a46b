"""Serve the review page on this machine until told to stop."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from recdiff.review.desk import Desk
from recdiff_export.review.app import create_app
from recdiff_export.serve.listening import Listener, bound, quiet
from recdiff_export.serve.options import ServeOptions

LOOPBACK = "127.0.0.1"
TOKEN_BYTES = 24
LIMITS = ServeOptions(max_connections=64, stop_seconds=5)


def serve_review(desk: Desk, port: int, listening: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        port: 0 takes a free one.
        listening: called with the page's address, a new token in it, once browsers can connect.

    Raises:
        UsageError: the port is taken.
    """
    sockets = bound(LOOPBACK, port, "another program has it; give another --port, or 0 for any that is free")
    place = f"{LOOPBACK}:{sockets[0].getsockname()[1]}"
    token = secrets.token_urlsafe(TOKEN_BYTES)
    config = quiet(create_app(desk, token, [place]), LIMITS, lifespan="off")
    try:
        Listener(config, lambda address: listening(f"{address}/{token}/")).run(sockets)
    finally:
        for each in sockets:
            each.close()
