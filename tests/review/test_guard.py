"""Who may ask: the token, the Host and the Origin of a request, without a server in between."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from recdiff_export.review.guard import HEADERS, Guard

TOKEN = "t0ken"
HOST = "127.0.0.1:1234"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path that came through."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def ask(path: str, **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=Guard(echo, TOKEN, [HOST]))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.get(path, headers=headers)

    return anyio.run(asked)


def test_the_page_passes_without_its_token() -> None:
    answer = ask(f"/{TOKEN}/api/state", origin=f"http://{HOST}")
    assert (answer.status_code, answer.text) == (200, "/api/state")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 404),
        (f"/{TOKEN}", {}, 404),
        (f"/{TOKEN}x/api/state", {}, 404),
        (f"/{TOKEN}/api/state", {"host": "evil.example"}, 421),
        (f"/{TOKEN}/api/state", {"origin": "http://evil.example"}, 403),
        (f"/{TOKEN}/api/state", {"origin": "null"}, 403),
    ],
)
def test_others_are_refused_and_every_answer_says_what_a_browser_may(
    path: str, headers: dict[str, str], status: int
) -> None:
    answer = ask(path, **headers)
    assert answer.status_code == status
    assert all(answer.headers[name] == value for name, value in HEADERS.items())
