"""Listen, serve until told to stop, and reload on SIGHUP."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading

from recdiff.errors import UsageError
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.app import Service
from recdiff_export.serve.listening import Listener, Listening, bound
from recdiff_export.serve.options import ServeOptions

try:
    import uvicorn

    from recdiff_export.serve.connection import BoundedConnection
except ImportError as error:
    raise UsageError(f"serving needs {error.name}: pip install 'recdiff-sdk[serve]'") from None

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


class Server(Listener):
    """uvicorn's server with our bounds, that ends in peace when it is told to stop."""

    def __init__(self, scorer: OnnxScorer, options: ServeOptions, listening: Listening | None = None) -> None:
        self._service = Service(scorer, options)
        self._reloads: set[asyncio.Task[None]] = set()
        super().__init__(
            uvicorn.Config(
                self._service.app,
                http=type("Connection", (BoundedConnection,), {"bounds": options}),
                ws="none",
                lifespan="on",
                access_log=False,
                # A client that sends nonsense is no event.
                log_level="error",
                server_header=False,
                timeout_keep_alive=options.idle_seconds,
                timeout_graceful_shutdown=options.stop_seconds,
            ),
            listening,
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take SIGHUP, then begin to listen."""
        if _RELOAD is not None and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(_RELOAD, self._reload)
        await super().startup(sockets)

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self._service.reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)
