"""Sockets that are listened on, and a uvicorn that says when it listens and ends in peace when it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal

from recdiff.errors import UsageError
from recdiff_export.serve.options import SERVE_EXTRA, ServeOptions

try:
    import uvicorn

    from recdiff_export.serve.connection import BoundedConnection
except ImportError as error:
    raise UsageError(f"serving needs {error.name}: {SERVE_EXTRA}") from None

Listening = Callable[[str], None]


def quiet(app: Any, options: ServeOptions, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    """Return how uvicorn serves ``app`` within the bounds of ``options``: a client that sends nonsense is no event."""
    return uvicorn.Config(
        app,
        http=type("Connection", (BoundedConnection,), {"bounds": options}),
        ws="none",
        lifespan=lifespan,
        access_log=False,
        log_level="error",
        server_header=False,
        timeout_keep_alive=options.idle_seconds,
        timeout_graceful_shutdown=options.stop_seconds,
    )


class Listener(uvicorn.Server):
    """uvicorn's server; ``listening`` is called with its address once clients can connect."""

    def __init__(self, config: uvicorn.Config, listening: Listening | None = None) -> None:
        self._listening = listening
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        if self.started and self._listening is not None and sockets:
            self._listening(_address(sockets[0]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; uvicorn would raise the signal again afterwards, as if the process had not ended in order."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def bound(host: str, port: int, remedy: str = "give another --host or --port") -> list[socket.socket]:
    """Return sockets that are bound to every address that ``host`` names.

    Raises:
        UsageError: there is none, or it is taken; the message ends with the ``remedy``.
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
    raise UsageError(f"cannot listen on {host}:{port}: {said}; {remedy}")


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
