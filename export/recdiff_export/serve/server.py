"""Listen, serve until told to stop, and reload on SIGHUP."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from recdiff.errors import UsageError
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.app import Service
from recdiff_export.serve.options import ServeOptions

try:
    import uvicorn

    from recdiff_export.serve.connection import BoundedConnection
except ImportError as error:
    raise UsageError(f"serving needs {error.name}: pip install 'recdiff-sdk[serve]'") from None

Listening = Callable[[str], None]
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


class Server(uvicorn.Server):
    """uvicorn's server with our bounds, that ends in peace when it is told to stop."""

    def __init__(self, scorer: OnnxScorer, options: ServeOptions, listening: Listening | None = None) -> None:
        self._service = Service(scorer, options)
        self._listening = listening
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
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        if _RELOAD is not None and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(_RELOAD, self._reload)
        await super().startup(sockets)
        if self.started and self._listening is not None and sockets:
            self._listening(_address(sockets[0]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; uvicorn would raise the signal again afterwards, as if the process had not ended in order."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self._service.reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)


def bound(host: str, port: int) -> list[socket.socket]:
    """Return sockets that are bound to every address that ``host`` names.

    Raises:
        UsageError: there is none, or it is taken.
    """
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"cannot listen on {host}: {error}; give another --host") from None
    found: list[socket.socket] = []
    said = "no address"
    for family, kind, protocol, _, place in dict.fromkeys(places):
        try:
            # A free port that was taken for one address is taken for all.
            chosen = (place[0], found[0].getsockname()[1] if found else place[1], *place[2:])
            found.append(_bound(socket.socket(family, kind, protocol), chosen))
        except OSError as error:
            said = error.strerror or str(error)
            # A name may have an address of a family that this machine does without.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                break
    else:
        if found:
            return found
    for each in found:
        each.close()
    raise UsageError(f"cannot listen on {host}:{port}: {said}; give another --host or --port")


def _bound(opened: socket.socket, place: tuple[object, ...]) -> socket.socket:
    try:
        if hasattr(socket, "AF_INET6") and opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(signal, "SIGHUP"):  # Elsewhere the option lets two servers share a port.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
