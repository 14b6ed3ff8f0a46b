"""What a stranger can send, and how slowly, without costing the others their answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.errors import UsageError
from recdiff_export import OnnxScorer

pytest.importorskip("starlette", reason="serving needs the serve extra")
httpx = pytest.importorskip("httpx", reason="the HTTP tests need httpx")
psutil = pytest.importorskip("psutil", reason="memory is read with psutil")

from recdiff_export.serve import ServeOptions  # noqa: E402
from recdiff_export.serve.json_body import RequestError, parse_json  # noqa: E402
from tests.export.servers import command, running  # noqa: E402

ASK = {"src": [7], "dst": [10]}
BODY = json.dumps(ASK).encode()
POST = b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def connected(at: str) -> socket.socket:
    host, _, port = at.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def heard(client: socket.socket) -> bytes:
    """Return what the server says until it hangs up."""
    said = b""
    try:
        while part := client.recv(1 << 16):
            said += part
    except ConnectionResetError:
        pass
    return said


def status(said: bytes) -> int:
    return int(said.split(b" ")[1]) if said else 0


@pytest.fixture(scope="module")
def strict(onnx_scorer: OnnxScorer) -> Any:
    options = ServeOptions(max_head=4096, max_headers=20, max_url=300, read_seconds=0.6, idle_seconds=1)
    with running(onnx_scorer, options) as at:
        yield at


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"GET /v2?" + b"x" * 400 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /v2 HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(30)) + b"\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"y" * 400) for n in range(15)) + b"\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)
def test_a_head_beyond_its_bounds_is_refused_and_the_connection_ends(strict: str, head: bytes, wanted: int) -> None:
    with connected(strict) as client:
        client.sendall(head)
        said = heard(client)
    assert status(said) == wanted, said
    assert b"connection: close" in said.lower()
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize("endless", [b"x" * 1000, b"X: y\r\n" * 100])
@pytest.mark.parametrize("begun", [b"GET /", b"GET /v2 HTTP/1.1\r\nX: "])
def test_endless_heads_are_cut_off(strict: str, begun: bytes, endless: bytes) -> None:
    """Neither a header's name, nor its value, nor an address goes on for ever: the parser would keep it all."""
    sent = 0
    with connected(strict) as client:
        client.sendall(begun)
        try:
            while sent < 50 << 20:
                sent += client.send(endless)
        except OSError:
            pass
    assert sent < 20 << 20  # What the kernels' buffers take along.


@pytest.mark.alone
def test_slow_clients_are_told_and_dropped(strict: str) -> None:
    drips = {
        "nothing": b"",
        "half a head": b"GET /v2 HT",
        "half a body": POST % 100 + b"{",
        "half a body after a refusal": b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
        "blank lines": b"\r\n\r\n",
    }
    for name, begun in drips.items():
        with connected(strict) as client:
            client.sendall(begun)
            since = time.monotonic()
            said = heard(client)
            assert 0.3 < time.monotonic() - since < 3, name
            assert status(said) in ((404,) if "refusal" in name else (408,)), (name, said)


@pytest.mark.alone
def test_dripping_does_not_prolong_it(strict: str) -> None:
    since = time.monotonic()
    with connected(strict) as client:
        client.sendall(b"GET /v2 HTTP/1.1\r\n")
        try:
            while time.monotonic() - since < 5:
                client.sendall(b"X")
                time.sleep(0.05)
        except OSError:
            pass
    assert time.monotonic() - since < 3


@pytest.mark.alone
def test_an_idle_connection_is_closed_and_a_busy_one_stays(strict: str) -> None:
    with connected(strict) as client:
        for _ in range(8):
            client.sendall(POST % len(BODY) + BODY)
            assert status(client.recv(1 << 16)) == 200
            time.sleep(0.2)
        since = time.monotonic()
        assert heard(client) == b""
        assert 0.5 < time.monotonic() - since < 4


def test_a_client_that_does_not_take_its_answer_is_cut_off(onnx_scorer: OnnxScorer) -> None:
    users = list(range(7, 607, 3))
    body = json.dumps({"users": users * 8, "k": 60}).encode()
    with running(onnx_scorer, ServeOptions(read_seconds=0.6, idle_seconds=1)) as at:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, _, port = at.rpartition(":")
            client.connect((host, int(port)))
            for _ in range(4):
                client.sendall(POST.replace(b"/score", b"/recommend") % len(body) + body)
            for _ in range(100):
                time.sleep(0.1)
                states = [c.status for c in psutil.Process().net_connections("tcp") if c.laddr.port == int(port)]
                if "ESTABLISHED" not in states:
                    break
            assert "ESTABLISHED" not in states
        assert httpx.post(f"http://{at}/score", json=ASK).status_code == 200


def test_one_client_too_many_is_told_to_come_back(onnx_scorer: OnnxScorer) -> None:
    with running(onnx_scorer, ServeOptions(max_connections=3)) as at:
        held = [connected(at) for _ in range(3)]
        time.sleep(0.2)
        with connected(at) as client:
            said = heard(client)
        assert status(said) == 503
        assert b"retry-after: 1" in said
        held.pop().close()
        time.sleep(0.2)
        assert httpx.post(f"http://{at}/score", json=ASK).status_code == 200
        for each in held:
            each.close()


def test_bodies_are_bounded_together(onnx_scorer: OnnxScorer) -> None:
    options = ServeOptions(max_body=1 << 20, max_bodies=1 << 20, read_seconds=20)
    with running(onnx_scorer, options) as at, connected(at) as first:
        first.sendall(POST % 900_000 + b" " * 800_000)
        time.sleep(0.3)
        answer = httpx.post(f"http://{at}/score", content=b" " * 500_000)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert httpx.post(f"http://{at}/score", json=ASK).status_code == 200
        first.sendall(b" " * (100_000 - len(BODY)) + BODY)
        assert status(first.recv(1 << 16)) == 200
        assert httpx.post(f"http://{at}/score", content=b" " * 800_000 + BODY).status_code == 200


def waiting_calls(at: str, path: str, body: Any, gate: threading.Event) -> list[Any]:
    """Ask three times at once of a model that waits for ``gate``, which only two may wait for."""
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(httpx.post, f"http://{at}{path}", json=body, timeout=20) for _ in range(3)]
        while not any(each.done() for each in asked):
            time.sleep(0.01)
        gate.set()
        return [each.result() for each in asked]


@pytest.mark.parametrize(
    ("path", "body", "method", "what"),
    [
        ("/score", {"src": [7] * 5, "dst": [10] * 5}, "score_positions", "edges"),
        ("/recommend", {"users": [13], "k": 5}, "recommend", "recommendations"),
        (
            "/v2/models/denoiser/infer",
            {"inputs": [{"name": "embedding", "datatype": "FP32", "shape": [5, 16], "data": [0.5] * 80}]},
            "denoise",
            "embeddings",
        ),
    ],
)
def test_too_many_waiting_rows_are_refused(bundle: Path, path: str, body: Any, method: str, what: str) -> None:
    gate = threading.Event()
    scorer = OnnxScorer.open(bundle, provider="cpu")
    real = getattr(scorer, method)
    setattr(scorer, method, lambda *given: (gate.wait(20), real(*given))[1])
    # One request is at work, which the queue of edges does not count; two of the others fill a queue of ten rows.
    with running(scorer, ServeOptions(max_rows=5, queue_rows=5 if path == "/score" else 10)) as at:
        answers = waiting_calls(at, path, body, gate)
        refused = [answer for answer in answers if answer.status_code != 200]
        assert [(each.status_code, each.headers["retry-after"]) for each in refused] == [(503, "1")]
        assert refused[0].json()["error"] == f"too many {what} are waiting; try again"
        assert httpx.post(f"http://{at}{path}", json=body).status_code == 200


HOSTILE = {
    "lists": b"[" + b"[]," * ((16 << 20) // 3 - 2) + b"[]]",
    "objects in src": b'{"src":[' + b"{}," * ((16 << 20) // 3 - 20) + b'{}],"dst":[]}',
    "texts": b'{"src":[' + b'"",' * ((16 << 20) // 3 - 20) + b'""],"dst":[]}',
    "numbers": b'{"src":[' + b"1," * ((16 << 20) // 2 - 20) + b'1],"dst":[]}',
    "deep": b"[" * (16 << 20),
    "escapes": b'{"a":"' + b"\\\\" * ((8 << 20) - 20) + b'"}',
}


@pytest.mark.alone
def test_hostile_json_neither_fills_memory_nor_stops_the_others(bundle: Path) -> None:
    with command(bundle) as (process, address), httpx.Client(base_url=address, timeout=30) as client:
        client.post("/score", json=ASK)
        child = psutil.Process(process.pid)
        before, most, slowest, done = child.memory_info().rss, 0, 0.0, threading.Event()

        def watch() -> None:
            nonlocal most, slowest
            with httpx.Client(base_url=address, timeout=30) as other:
                while not done.is_set():
                    begun = time.monotonic()
                    assert other.get("/v2/health/live").status_code == 200
                    slowest = max(slowest, time.monotonic() - begun)
                    most = max(most, child.memory_info().rss)
                    time.sleep(0.005)

        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            try:
                for name, body in HOSTILE.items():
                    assert client.post("/score", content=body).status_code in (400, 413), name
            finally:
                done.set()
            watching.result()
    assert most - before < 150 << 20
    assert slowest < 1


def test_300_megabytes_of_headers_are_not_taken(bundle: Path) -> None:
    with command(bundle, "--token", "s3cret") as (process, address):
        before = psutil.Process(process.pid).memory_info().rss
        with connected(address) as client:
            client.sendall(b"GET /v2 HTTP/1.1\r\n")
            try:
                for number in range(300):
                    client.sendall(b"X%d: %s\r\n" % (number, b"y" * (1 << 20)))
            except OSError:
                pass
            assert psutil.Process(process.pid).memory_info().rss - before < 30 << 20


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (nested(15), None),
        (nested(16), 400),
        (b'{"a":"' + b"[" * 5000 + b'"}', None),
        (b'{"a":"' + b'\\"[' * 5000 + b'"}', None),
        (b'{"a":"\\\\",' + nested(20)[1:], 400),
        (json.dumps({"a": list(range(99))}).encode(), None),
        (json.dumps({"a": list(range(101))}).encode(), 413),
        (json.dumps({"a": ["x,,,,,,,,,,,,,,,,,,,,"] * 50}).encode(), None),
        (json.dumps({"a": "\U0001f600" * 50 + ","}).encode("utf-16"), 400),
        (b'\xef\xbb\xbf{"a":1}', 400),
        (b'{"a":' + b"9" * 5000 + b"}", 400),
    ],
)
def test_the_shape_of_json_is_judged_as_the_parser_would(body: bytes, refused: int | None) -> None:
    if refused is None:
        assert parse_json(body, 100) == json.loads(body)
        return
    with pytest.raises(RequestError) as error:
        parse_json(body, 100)
    assert error.value.status == refused


def test_a_shape_is_counted_over_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recdiff_export.serve.json_body._PIECE", 7)
    generator = np.random.default_rng(0)
    for _ in range(50):
        texts = ["".join(generator.choice(list('[]{},"\\ab'), 9)) for _ in range(30)]
        body = json.dumps({"a": [[text] for text in texts]}).encode()
        assert parse_json(body, 63) == json.loads(body)
        with pytest.raises(RequestError):
            parse_json(body, 60)


@pytest.mark.parametrize("token", ["s3cret", "schlüssel", "ключ", "鍵🔑", "a b", " padded\n", 'q"\\', "x" * 500])
def test_a_token_may_be_any_text(onnx_scorer: OnnxScorer, token: str) -> None:
    with running(onnx_scorer, ServeOptions(token=token)) as at, httpx.Client(base_url=f"http://{at}") as client:
        plain = token.strip()
        latin = plain.encode("latin-1", "replace")
        wrong = [plain.encode()[:-1], plain.encode() + b"x", latin[:-1], plain.encode("latin-1", "ignore"), b"x"]
        right = [plain.encode(), *([latin] if all(ord(sign) < 256 for sign in plain) else [])]
        for given in {*wrong, *right} - {b""}:
            answer = client.get("/v2", headers={"authorization": (b"Bearer " + given).strip()})
            assert answer.status_code == (200 if given.strip() in right else 401), given
        assert client.get("/v2", headers={"authorization": b"bearer " + token.strip().encode()}).status_code == 200
        assert client.get("/v2").status_code == 401


@pytest.mark.parametrize(
    "options",
    [
        {"token": ""},
        {"token": "  "},
        {"token": "a\nb"},
        {"token": "\ud83d"},
        {"max_rows": 0},
        {"queue_rows": 5},
        {"max_bodies": 5},
        {"read_seconds": -1},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        ServeOptions(**options)


ODD = [
    ("/score", b'{"src":["\\ud83d"],"dst":["a"]}', 400),
    ("/score", b'{"src":["a\\u0000b"],"dst":["7"]}', 200),
    ("/score", b'{"src":[1e300],"dst":[7]}', 400),
    ("/score", b'{"src":[1e999],"dst":[7]}', 400),
    ("/score", b'{"src":[NaN],"dst":[7]}', 400),
    ("/score", b'{"src":[' + b"9" * 5000 + b'],"dst":[7]}', 400),
    ("/score", b'{"src":5,"dst":5}', 400),
    ("/score", b'{"src":["7"],"dst":["\\uffff"],"unknown":"error"}', 422),
    ("/score", b'{"\\ud83d":[]}', 400),
    ("/score", b'{"src":["7"],"dst":["7"],"unknown":["null"]}', 400),
    ("/score", b'{"src":["7"],"dst":["7"],"unknown":1e300}', 400),
    ("/recommend", b'{"users":["\\ud83d"],"k":2}', 400),
    ("/recommend", b'{"users":["newcomer"],"k":2,"unknown":"error"}', 422),
    ("/recommend", b'{"users":["newcomer"],"k":2,"unknown":"null"}', 200),
    ("/recommend", b'{"users":[7],"k":1e300}', 400),
    ("/recommend", b'{"users":["a\\u0000"],"k":1}', 200),
    ("/recommend", b'{"users":[9223372036854775808],"k":1}', 200),
    ("/recommend", b'{"history":["\\ud83d"]}', 400),
    ("/recommend", b'{"history":[1e300]}', 400),
    ("/recommend", b'{"history":[9223372036854775808]}', 400),
    ("/recommend", b'{"friends":[""]}', 422),
    ("/recommend", b'{"users":[true],"k":1}', 400),
    ("/v2/models/scorer/infer", b'{"inputs":' + nested(14)[5:-1] + b"}", 400),
    ("/v2/models/scorer/infer", b'{"inputs":[{"name":{}}]}', 400),
    ("/v2/models/%00/infer", b"{}", 404),
    ("/v2/models/scorer/load", b"{}", 404),
    ("/%ff%fe", b"{}", 404),
]


def tensors(**said: Any) -> bytes:
    entry = {"datatype": "BYTES", "shape": [1], "data": ["7"]} | said
    return json.dumps({"inputs": [{"name": name, **entry} for name in ("src", "dst")]}).encode()


ODD += [
    ("/v2/models/scorer/infer", body, wanted)
    for body, wanted in [
        (tensors(data=["\ud83d"]), 400),
        (tensors(data=["a\0b"]), 422),
        (tensors(data=[1e300], datatype="INT64"), 400),
        (tensors(datatype="x" * 5000), 400),
        (tensors(datatype=["INT64"]), 400),
        (tensors(shape=[1e300]), 400),
        (tensors(shape=[10**4000]), 413),
        (tensors(parameters={"binary_data_size": 10**4000}), 400),
        (tensors(parameters={"binary_data_size": 1e300}), 400),
        (tensors(data={}), 400),
        (tensors(data=[[["7"]]]), 400),
    ]
]
ODD += [
    (
        "/v2/models/denoiser/infer",
        json.dumps(
            {"inputs": [{"name": "embedding", "datatype": kind, "shape": [1, 16], "data": [value] * 16}]}
        ).encode(),
        wanted,
    )
    for kind, value, wanted in [
        ("FP32", 1e300, 400),
        ("FP64", 1e300, 400),
        ("FP32", float("inf"), 400),
        ("FP32", 10**400, 400),
        ("FP32", 10**30, None),
        ("FP32", 3e38, None),
        ("FP32", "\ud83d", 400),
    ]
]


@pytest.fixture(scope="module")
def client(onnx_scorer: OnnxScorer) -> Any:
    with running(onnx_scorer) as at, httpx.Client(base_url=f"http://{at}") as opened:
        yield opened


@pytest.mark.parametrize(("path", "body", "wanted"), ODD)
def test_odd_values_are_no_fault_of_the_server(client: Any, path: str, body: bytes, wanted: int | None) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code == wanted or (wanted is None and answer.status_code in (200, 400)), answer.text
    assert len(answer.content) < 4000


def test_an_upgrade_is_not_taken_up(client: Any) -> None:
    for upgrade in ("h2c", "websocket"):
        headers = {"connection": "upgrade, http2-settings", "upgrade": upgrade, "http2-settings": "x"}
        # A connection each: one that sent a body which nobody reads has more to hear than one answer.
        assert httpx.get(client.base_url.join("/v2"), headers=headers).status_code == 200
        answer = httpx.post(client.base_url.join("/score"), json=ASK, headers=headers, timeout=5)
        assert answer.status_code in (200, 400)


def test_requests_in_one_packet_are_answered_in_order(client: Any) -> None:
    with connected(str(client.base_url).rstrip("/")) as raw:
        raw.sendall((POST % len(BODY) + BODY) * 20 + b"GET /v2 HTTP/1.1\r\nConnection: close\r\n\r\n")
        said = heard(raw)
    assert said.count(b"HTTP/1.1 200") == 21
    assert said.count(b"fake_score") == 20
