"""Attacks on what a server has: connections, memory, time. Each returns when it has done its worst."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from tests.attack.targets import Target, post, told

SEVERAL = 8
BIG = 15 << 20


def opened(server: Target, count: int, stack: ExitStack) -> list[socket.socket]:
    return [stack.enter_context(server.connect()) for _ in range(count)]


def slow_heads(server: Target) -> None:
    """Slow loris: a hundred clients send a header a letter at a time."""
    with ExitStack() as stack:
        clients = opened(server, 100, stack)
        for letter in b"GET /v2 HTTP/1.1\r\nx: ":
            for each in clients:
                with suppress(OSError):
                    each.sendall(bytes([letter]))
            time.sleep(0.15)


def slow_bodies(server: Target) -> None:
    """A hundred clients promise a body and send a byte now and then."""
    with ExitStack() as stack:
        clients = opened(server, 100, stack)
        for each in clients:
            each.sendall(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        for _ in range(10):
            for each in clients:
                with suppress(OSError):
                    each.sendall(b" ")
            time.sleep(0.3)


def idle(server: Target) -> None:
    """Four hundred clients connect and say nothing."""
    with ExitStack() as stack:
        opened(server, 400, stack)
        time.sleep(1)


def flood(server: Target, begun: bytes, endless: bytes, most: int = 300 << 20) -> None:
    """Send ``endless`` after ``begun`` until the server hangs up."""
    sent = 0
    with server.connect() as client, suppress(OSError):
        client.sendall(begun)
        while sent < most:
            client.sendall(endless)
            sent += len(endless)
    assert sent < most, "all of it was taken"


def endless_header(server: Target) -> None:
    flood(server, b"GET / HTTP/1.1\r\nx: ", b"a" * (1 << 16))


def endless_headers(server: Target) -> None:
    flood(server, b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 10_000)


def endless_address(server: Target) -> None:
    flood(server, b"GET /", b"a" * (1 << 16))


def endless_chunks(server: Target) -> None:
    begun = b"POST /score HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    flood(server, begun, b"10000\r\n" + b" " * (1 << 16) + b"\r\n")


def lying_length(server: Target) -> None:
    said = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999999\r\n\r\n"
    assert b" 413 " in server.ask(said).split(b"\r\n")[0]


def answers_of(server: Target, body: bytes) -> list[bytes]:
    """Send one body from several clients together and return the answers."""
    with ThreadPoolExecutor(SEVERAL) as pool:
        return list(pool.map(lambda _: server.ask(post("/score", body), 60), range(SEVERAL)))


def at_once(server: Target, body: bytes) -> list[bytes]:
    """Send one body from several clients together and return the first lines of the answers."""
    return [answer.split(b"\r\n")[0] for answer in answers_of(server, body)]


def refused(lines: list[bytes]) -> None:
    assert all(line[9:10] == b"4" or line[9:12] == b"503" or not line for line in lines), lines


def empty_lists(server: Target) -> None:
    refused(at_once(server, b'{"src":[' + b"[]," * (BIG // 3) + b'[]],"dst":[]}'))


def deep_json(server: Target) -> None:
    refused(at_once(server, b"[" * BIG))


def long_numbers(server: Target) -> None:
    refused(at_once(server, b'{"src":[' + b"9" * BIG + b'],"dst":[1]}'))


def long_texts(server: Target) -> None:
    """An id that long is nobody's: the row is told of, in few words, or the request is refused."""
    for answer in answers_of(server, b'{"src":["' + b"\\u0041" * (BIG // 6) + b'"],"dst":["b"]}'):
        line, _, told = answer.partition(b"\r\n")
        if line[9:12] == b"200":
            assert b'"errors"' in told
            assert len(told) < 2000, told[:2000]
        else:
            refused([line])


def many_rows(server: Target) -> None:
    rows = b",".join([b"7"] * 100_000)
    lines = at_once(server, b'{"src":[' + rows + b'],"dst":[' + rows + b"]}")
    assert all(line[9:12] in (b"200", b"503") for line in lines), lines


def unread_answers(server: Target) -> None:
    """Ask for large answers, again and again, and take none of them."""
    body = b'{"users":[' + b",".join([b"7"] * 1000) + b'],"k":50}'
    whole = post("/recommend", body).replace(b"connection: close\r\n", b"")
    with ExitStack() as stack:
        for client in opened(server, 20, stack):
            client.settimeout(0.2)
            with suppress(OSError):
                client.sendall(whole * 50)
        time.sleep(3)


def pipelined(server: Target) -> None:
    with server.connect(5) as client:
        told(client, b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n" * 20_000)


ALL: dict[str, Callable[[Target], None]] = {
    each.__name__: each
    for each in (
        slow_heads, slow_bodies, idle, endless_header, endless_headers, endless_address, endless_chunks, lying_length,
        empty_lists, deep_json, long_numbers, long_texts, many_rows, unread_answers, pipelined,
    )
}  # fmt: skip
