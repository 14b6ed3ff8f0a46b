"""One client's connection: uvicorn's, with bounds on what comes before a body and on how long anything may take."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recdiff_export.serve.options import ServeOptions

# Bytes of a refused body that are let pass at least: a client that has sent it all uses the connection again.
_LET_PASS = 64 << 20


class _BeyondError(Exception):
    """A bound was passed: the parser stops, and the connection answers and ends."""


class BoundedConnection(HttpToolsProtocol):
    """Answers 431, 414, 408 or 503 where the client goes beyond ``bounds``, and hangs up."""

    bounds = ServeOptions()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._refusal = (400, "this is not HTTP")
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._unwanted = 0
        self._answering: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse one client too many; give the others time to ask."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.max_connections:
            self._refuse(503, "too many connections; try again")
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        for timer in (self._deadline, self._stuck):
            if timer is not None:
                timer.cancel()
        self._deadline = self._stuck = None
        super().connection_lost(exc)
        # uvicorn tells the request that came last; an earlier one of several in a packet may be the one at work.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which keeps what it has of an unfinished header, and count that."""
        if self._deadline is None:
            self._arm()
        went_on = self._in_head
        super().data_received(data)
        if went_on and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.bounds.max_head and not self.transport.is_closing():
                self._refuse(431, f"the headers have more than {self.bounds.max_head} bytes")

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head, self._head_bytes, self._seen, self._unwanted = True, 0, 0, 0
        if self._deadline is None:
            self._arm()

    def on_url(self, url: bytes) -> None:
        """Count the address."""
        super().on_url(url)
        if len(self.url) > self.bounds.max_url:
            self._stop(414, f"the address has more than {self.bounds.max_url} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count headers, and trailers with them."""
        self._seen += len(name) + len(value) + len(b": \r\n")
        if len(self.headers) >= self.bounds.max_headers:
            self._stop(431, f"there are more than {self.bounds.max_headers} headers")
        if self._seen > self.bounds.max_head:
            self._stop(431, f"the headers have more than {self.bounds.max_head} bytes")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Let what is left of a refused body pass, so that the client reads why; but not without end."""
        super().on_body(body)
        if self.cycle.response_complete:
            self._unwanted += len(body)
            if self._unwanted > max(self.bounds.max_body, _LET_PASS):
                self.transport.abort()

    def on_message_complete(self) -> None:
        """The request has arrived: from here on the server may take its time."""
        super().on_message_complete()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_response_complete(self) -> None:
        """See to it that a connection that ends does end."""
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self._answering = following
        if self.transport.is_closing():
            self._end_soon()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not the client took the last response."""
        super().timeout_keep_alive_handler()
        self._end_soon()

    def pause_writing(self) -> None:
        """The client does not take its response: wait for that, but not forever."""
        super().pause_writing()
        self._end_soon()

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if self._stuck is not None and not self.transport.is_closing():
            self._stuck.cancel()
            self._stuck = None

    def send_400_response(self, msg: str) -> None:
        """Say why the parser stopped."""
        self._refuse(*self._refusal)

    def _stop(self, status: int, message: str) -> None:
        self._refusal = (status, message)
        raise _BeyondError

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self.bounds.read_seconds, self._late)

    def _late(self) -> None:
        if self.flow.read_paused:  # The server has not taken what the client sent.
            self._arm()
        else:
            self._refuse(408, f"the request did not arrive within {self.bounds.read_seconds:g} seconds")

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        begun = self.cycle is not None and self.cycle.response_started
        if not begun or self.cycle.response_complete:
            body = json.dumps({"error": message}).encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            more = "retry-after: 1\r\n" if status == 503 else ""
            self.transport.write(
                f"{head}{more}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
            )
        self.transport.close()
        self._end_soon()

    def _end_soon(self) -> None:
        """Cut the connection off where it has not ended by itself."""
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.bounds.read_seconds, self.transport.abort)
