"""Whatever is sent, the server has an answer that is no fault of its own, little memory, and time for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from recdiff_export import export_bundle
from tests.attack.requests import Asked, drawn
from tests.attack.resources import ALL
from tests.attack.tally import Tally
from tests.attack.targets import Target, healthy, target
from tests.export.export_parts import parts

pytest.importorskip("uvicorn", reason="serving needs the extra [serve]")
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")
MOST_MEMORY = 1_000_000_000
SHORT = ("slow_heads", "endless_header", "lying_length", "empty_lists", "many_rows")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    pytest.importorskip("starlette", reason="serving needs the extra [serve]")
    folder = tmp_path_factory.mktemp("served") / "onnx"
    export_bundle(parts(), folder)
    with target(folder) as found:
        yield found


def sent(server: Target, asked: Asked) -> int:
    """Send a request and return the status of the answer; 0 where the connection ended instead."""
    headers = [("host", "x"), ("connection", "close"), ("content-length", str(len(asked.body))), *asked.headers]
    head = "\r\n".join([f"{asked.method} {asked.path} HTTP/1.1", *(": ".join(each) for each in headers), "", ""])
    answer = server.ask(head.encode() + asked.body, 20).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    line = answer.split(b"\r\n")[0]
    return int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else 0


def fuzz(server: Target, seeds: range) -> Counter[int]:
    """Send the requests of ``seeds`` and return how often each status came back."""
    found: Counter[int] = Counter()
    for seed in seeds:
        status = sent(server, drawn(seed))
        assert status < 500 or status == 503, f"request {seed} ({drawn(seed).path}) gave {status}"
        found[status] += 1
    return found


def check(server: Target, before: list[float]) -> None:
    healthy(server)
    assert server.score() == before
    assert server.peak() < MOST_MEMORY


def test_no_request_is_a_fault_of_the_server(server: Target) -> None:
    before = server.score()
    found = fuzz(server, range(400))
    assert found[200] > 20
    check(server, before)


@pytest.mark.attack
@pytest.mark.parametrize("part", range(5))
def test_no_request_of_thousands_is_a_fault_of_the_server(server: Target, tally: Tally, part: int) -> None:
    before = server.score()
    found = fuzz(server, range(1000 * (part + 1), 1000 * (part + 2)))
    print(dict(found))
    check(server, before)
    tally.add("HTTP requests", found.total())


@pytest.mark.parametrize("name", SHORT)
def test_an_attack_on_the_servers_means_ends(server: Target, name: str) -> None:
    before = server.score()
    ALL[name](server)
    check(server, before)


@pytest.mark.attack
@pytest.mark.parametrize("name", ALL)
def test_every_attack_on_the_servers_means_ends(server: Target, tally: Tally, name: str) -> None:
    before = server.score()
    ALL[name](server)
    check(server, before)
    print(f"{name}: at most {server.peak() >> 20} MB")
    tally.add("resource attacks", 1)
