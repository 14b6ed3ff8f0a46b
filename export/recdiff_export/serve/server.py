"""Listen, serve until told to stop, and reload on SIGHUP."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading

from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.app import Service
from recdiff_export.serve.listening import Listener, Listening, bound, quiet
from recdiff_export.serve.options import ServeOptions

_RELOAD = getattr(signal, "SIGHUP", None)


def serve(
    scorer: OnnxScorer,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    options: ServeOptions | None = None,
    listening: Listening | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are then answered first. SIGHUP reloads the bundle.

    Args:
        port: 0 takes a free one.
        listening: called with the server's address once clients can connect.

    Raises:
        UsageError: the address cannot be listened on.
    """
    sockets = bound(host, port)
    try:
        Server(scorer, options or ServeOptions(), listening).run(sockets)
    finally:
        for each in sockets:
            each.close()


def wait_with_reloads() -> None:
    """Ignore SIGHUP until the server listens: it asks for a reload, and nothing is loaded yet."""
    if _RELOAD is not None:
        signal.signal(_RELOAD, signal.SIG_IGN)


class Server(Listener):
    """uvicorn's server with our bounds, that ends in peace when it is told to stop."""

    def __init__(self, scorer: OnnxScorer, options: ServeOptions, listening: Listening | None = None) -> None:
        self._service = Service(scorer, options)
        self._reloads: set[asyncio.Task[None]] = set()
        super().__init__(quiet(self._service.app, options, lifespan="on"), listening)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take SIGHUP, then begin to listen."""
        if _RELOAD is not None and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(_RELOAD, self._reload)
        await super().startup(sockets)

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self._service.reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)
