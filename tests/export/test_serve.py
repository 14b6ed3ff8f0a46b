"""The server over loopback: real clients, and everything a client can get wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.export.export_parts import parts

pytest.importorskip("starlette", reason="serving needs the serve extra")
httpx = pytest.importorskip("httpx", reason="the HTTP tests need httpx")

from recdiff_export import OnnxScorer, export_bundle  # noqa: E402
from recdiff_export.serve import ServeOptions  # noqa: E402
from recdiff_export.serve.batcher import MicroBatcher, OverloadError  # noqa: E402
from tests.export.servers import running  # noqa: E402

SCORER = "/v2/models/scorer/infer"


@pytest.fixture(scope="module")
def address(onnx_scorer: OnnxScorer) -> Iterator[str]:
    with running(onnx_scorer, ServeOptions(max_body=20_000, max_rows=100, max_k=20)) as at:
        yield at


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    with httpx.Client(base_url=f"http://{address}") as opened:
        yield opened


def tensor(name: str, data: list[Any], kind: str = "INT64", shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": kind, "shape": [len(data)] if shape is None else shape, "data": data}


def pair(src: list[Any], dst: list[Any], kind: str = "INT64") -> dict[str, Any]:
    return {"inputs": [tensor("src", src, kind), tensor("dst", dst, kind)]}


def test_a_triton_client_reads_metadata_and_scores(address: str, onnx_scorer: OnnxScorer) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="the protocol test needs tritonclient[http]")
    with triton.InferenceServerClient(address) as remote:
        assert remote.is_server_live()
        assert remote.is_server_ready()
        assert remote.is_model_ready("scorer")
        assert remote.is_model_ready("scorer", "1")
        assert remote.get_server_metadata()["name"] == "recdiff-sdk"
        metadata = remote.get_model_metadata("scorer")
        assert [entry["name"] for entry in metadata["inputs"]] == ["src", "dst"]
        assert metadata["properties"]["threshold"] == "0.5"
        ids = np.array([[7, 10, 13], [10, 13, 16]])
        expected = onnx_scorer.score(ids[0], ids[1])
        for binary in (True, False):
            inputs = [triton.InferInput(name, [3], "INT64") for name in ("src", "dst")]
            for value, side in zip(inputs, ids, strict=True):
                value.set_data_from_numpy(side, binary_data=binary)
            wanted = [None, [triton.InferRequestedOutput("fake_score", binary_data=binary)]]
            for outputs in wanted:
                answer = remote.infer("scorer", inputs, outputs=outputs, request_id="r1")
                np.testing.assert_allclose(answer.as_numpy("fake_score"), expected, atol=1e-6)
                assert answer.get_response()["id"] == "r1"
        texts = [triton.InferInput(name, [3], "BYTES") for name in ("src", "dst")]
        for value, side in zip(texts, ids, strict=True):
            value.set_data_from_numpy(side.astype(str).astype(object))
        np.testing.assert_allclose(remote.infer("scorer", texts).as_numpy("fake_score"), expected, atol=1e-6)
        rows = np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32)
        embedding = triton.InferInput("embedding", [4, 16], "FP32")
        embedding.set_data_from_numpy(rows)
        denoised = remote.infer("denoiser", [embedding]).as_numpy("denoised")
        np.testing.assert_allclose(denoised, onnx_scorer.denoise(rows), atol=1e-6)


@pytest.mark.usefixtures("quick_parity")
def test_a_client_that_follows_the_metadata_scores_text_ids(tmp_path: Path) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="the protocol test needs tritonclient[http]")
    export_bundle(parts(text_ids=True), tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer, running(scorer) as at:
        with triton.InferenceServerClient(at) as remote:
            inputs = []
            for entry, user in zip(remote.get_model_metadata("scorer")["inputs"], ("u001", "u002"), strict=True):
                inputs.append(triton.InferInput(entry["name"], [1], entry["datatype"]))
                inputs[-1].set_data_from_numpy(np.array([user], dtype=object))
            answer = remote.infer("scorer", inputs).as_numpy("fake_score")
        np.testing.assert_allclose(answer, scorer.score(["u001"], ["u002"]), atol=1e-6)


def test_scores_with_raw_ids(client: Any, onnx_scorer: OnnxScorer) -> None:
    answer = client.post("/score", json={"src": [7, "10"][:1], "dst": [10]})
    assert answer.json()["fake_score"] == pytest.approx(onnx_scorer.score([7], [10]).tolist())
    assert answer.json()["errors"] == []
    assert client.post("/score", json={"src": [], "dst": []}).json()["fake_score"] == []


def test_a_row_with_an_unknown_user_fails_alone(client: Any, onnx_scorer: OnnxScorer) -> None:
    score = pytest.approx(float(onnx_scorer.score([7], [10])[0]))
    for more in ({}, {"unknown": "null"}):
        answer = client.post("/score", json={"src": [7, 8, 9], "dst": [10, 10, 8], **more}).json()
        assert answer["fake_score"] == [score, None, None]
        assert answer["errors"] == [
            {"row": 1, "error": "user 8 is not in the model"},
            {"row": 2, "error": "user 9 is not in the model; user 8 is not in the model"},
        ]
    assert answer["further_errors"] == 0
    ranked = client.post("/recommend", json={"users": ["ghost" * 30, "13"], "k": 3}).json()
    assert ranked["errors"] == [{"row": 0, "error": f"user {('ghost' * 12)!r} is not in the model"}]
    assert ranked["recommendations"][0] == {"user": "ghost" * 30, "items": [], "scores": []}
    assert ranked["recommendations"][1]["items"] == onnx_scorer.recommend([13], 3)["item_id"].to_pylist()


def test_an_answer_is_not_many_times_its_question(onnx_scorer: OnnxScorer) -> None:
    with running(onnx_scorer) as at:
        said = httpx.post(f"http://{at}/score", json={"src": [8] * 3000, "dst": [10] * 3000}).json()
        ranked = httpx.post(f"http://{at}/recommend", json={"users": [8] * 3000, "k": 1}).json()
    assert said["fake_score"] == [None] * 3000
    assert [(len(each["errors"]), each["further_errors"]) for each in (said, ranked)] == [(1000, 2000)] * 2


def test_recommends_to_somebody_new(client: Any, onnx_scorer: OnnxScorer) -> None:
    table = onnx_scorer.recommend_new(["i03", "i07"], [13], 4)
    asked = {"history": ["i03", "i07"], "friends": [13], "k": 4}
    for more in ({}, {"history": ["i03", "new", "i07", "i03"], "friends": ["13", "8"]}):
        answer = client.post("/recommend", json={**asked, **more}).json()
        (entry,) = answer["recommendations"]
        assert entry["user"] is None
        assert entry["items"] == table["item_id"].to_pylist()
        assert entry["scores"] == pytest.approx(table["score"].to_pylist())
        assert len(answer["errors"]) == 2 * bool(more)
    assert answer["errors"] == [
        {"field": "history", "row": 1, "error": "item 'new' is not in the model"},
        {"field": "friends", "row": 1, "error": "user '8' is not in the model"},
    ]


def test_the_models_of_the_bundle_are_listed(client: Any, onnx_scorer: OnnxScorer) -> None:
    models = client.get("/v2/models").json()["models"]
    assert [each["name"] for each in models] == ["scorer", "denoiser"]
    assert {(each["version"], each["state"], each["bundle"]) for each in models} == {("1", "READY", onnx_scorer.digest)}


def test_a_row_without_a_score_says_why(client: Any) -> None:
    rows = {"src": [7, 10, 8, 8, 7], "dst": [10, 10, 9, 8, 9]}
    answer = client.post("/score", json={**rows, "unknown": "null"}).json()
    assert [score is None for score in answer["fake_score"]] == [False, True, True, True, True]
    assert answer["errors"] == [
        {"row": 1, "error": "10 twice: an edge joins two users"},
        {"row": 2, "error": "user 8 is not in the model; user 9 is not in the model"},
        {"row": 3, "error": "user 8 is not in the model"},
        {"row": 4, "error": "user 9 is not in the model"},
    ]
    for path, body in (
        ("/score", {"src": [7, 10], "dst": [10, 10], "unknown": "error"}),
        (SCORER, pair([7, 10], [10, 10])),
    ):
        refused = client.post(path, json=body)
        assert refused.status_code == 422
        assert "an edge joins two different users; src and dst are both 10." in refused.json()["error"]


def test_recommends_with_raw_ids(client: Any, onnx_scorer: OnnxScorer) -> None:
    answer = client.post("/recommend", json={"users": [13, "7", 10, 13], "k": 3}).json()["recommendations"]
    table = onnx_scorer.recommend([13], 3)
    assert [entry["user"] for entry in answer] == [13, "7", 10, 13]
    assert answer[0] == answer[3]
    assert answer[0]["items"] == table["item_id"].to_pylist()
    assert answer[0]["scores"] == pytest.approx(table["score"].to_pylist())
    # This user has seen every item.
    assert answer[2] == {"user": 10, "items": [], "scores": []}


BAD = [
    (b"{", 400, "the body is not JSON"),
    (b"[" * 15_000, 400, "nested deeper than 16"),
    (b"[]", 400, "must be a JSON object"),
    (b"\xff\xfe", 400, "not JSON"),
    (b"{}", 400, "inputs must be a list"),
    (json.dumps({"inputs": []}), 400, "inputs must be exactly src, dst"),
    (json.dumps({"inputs": [tensor("src", [7])] * 2}), 400, "inputs must be exactly"),
    (json.dumps(pair([7], [10], "FP32")), 400, "input src: datatype 'FP32'; accepted: INT64, BYTES"),
    (json.dumps(pair([7.5], [10])), 400, "data must be INT64 values"),
    (json.dumps(pair([True], [10])), 400, "data must be INT64 values"),
    (json.dumps(pair([2**70], [10])), 400, "does not fit INT64"),
    (json.dumps({"inputs": [tensor("src", [7], shape=[2]), tensor("dst", [10])]}), 400, "a list of 2 values"),
    (json.dumps({"inputs": [tensor("src", [7], shape=[-1]), tensor("dst", [10])]}), 400, "shape [-1]"),
    (json.dumps({"inputs": [tensor("src", [7], shape=[10**15]), tensor("dst", [10])]}), 413, "at most 100"),
    (json.dumps({"inputs": [tensor("src", [7], shape=[1, 1]), tensor("dst", [10])]}), 400, "shape [1, 1]"),
    (json.dumps({"inputs": [{**tensor("src", [7]), "parameters": 3}, tensor("dst", [10])]}), 400, "parameters must be"),
    (
        json.dumps(
            {"inputs": [{**tensor("src", [7]), "parameters": {"binary_data_size": 10**9}}, tensor("dst", [10])]}
        ),
        400,
        "exceeds the body",
    ),
    (json.dumps({**pair([7], [10]), "outputs": [{"name": "soul"}]}), 400, "no output soul"),
    (json.dumps({**pair([7], [10]), "outputs": 5}), 400, "outputs must be a list"),
    (json.dumps(pair([7, 7], [10])), 422, "src has 2 ids and dst 1"),
    (json.dumps(pair([8], [10])), 422, "1 user is not in the model: 8. Leave them out, or ask POST /score"),
    (json.dumps(pair(["ghost"], ["10"], "BYTES")), 422, "'ghost'"),
    (json.dumps(pair([7] * 101, [10] * 101)), 413, "at most 100"),
    (b"x" * 30_000, 413, "at most 20000"),
]


@pytest.mark.parametrize(("body", "status", "said"), BAD)
def test_bad_infer_requests_are_answered(client: Any, body: bytes | str, status: int, said: str) -> None:
    answer = client.post(SCORER, content=body)
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text
    assert client.post(SCORER, json=pair([7], [10])).status_code == 200


@pytest.mark.parametrize("path", ["/score", "/nowhere"])
def test_a_refused_body_that_comes_late_leaves_the_connection_usable(address: str, path: str) -> None:
    host, _, port = address.partition(":")
    body = b"x" * 200_000
    with socket.create_connection((host, int(port)), timeout=20) as client:
        for _ in range(2):
            client.sendall(b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(body)))
            said = client.recv(1 << 16)
            assert said.startswith(b"HTTP/1.1 4"), said
            client.sendall(body)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/score", {"src": [7]}, 400, "dst must be a list"),
        ("/score", {"src": [7], "dst": [10], "threshold": 1}, 400, "unknown field 'threshold'"),
        ("/score", {"src": [[7]], "dst": [10]}, 400, "whole numbers or text"),
        ("/score", {"src": [7, "a"], "dst": [10, 10]}, 400, "not both"),
        ("/score", {"src": [2**64], "dst": [10]}, 400, "within int64"),
        ("/score", {"src": [7], "dst": [10], "unknown": "guess"}, 400, "unknown must be"),
        ("/score", {"src": [8], "dst": [10], "unknown": "error"}, 422, "not in the model: 8. Leave them out, or send"),
        ("/score", {"src": [7] * 101, "dst": [10] * 101}, 413, "at most 100"),
        ("/recommend", {"users": [8], "unknown": "error"}, 422, "or ask by the history and friends of somebody new"),
        ("/recommend", {"users": [7], "history": ["i03"]}, 400, "not both"),
        ("/recommend", {"history": []}, 400, "somebody new needs a history of items, or friends"),
        ("/recommend", {"history": ["i03"], "friends": "i03"}, 400, "friends must be a list"),
        ("/recommend", {"history": ["ghost"], "friends": [8]}, 422, "none of the items and friends is in the model"),
        ("/recommend", {"history": ["ghost"], "unknown": "error"}, 422, "1 item is not in the model: 'ghost'. Leave"),
        ("/recommend", {"users": [7], "k": 0}, 400, "k must be"),
        ("/recommend", {"users": [7], "k": 10**9}, 400, "k must be"),
        ("/recommend", {"users": [7] * 10, "k": 20}, 413, "at most 100 items"),
        ("/v2/models/soul/infer", {}, 404, "no model 'soul'"),
        ("/v2/models/scorer/versions/7/infer", {}, 404, "version '7'"),
    ],
)
def test_bad_requests_are_answered(client: Any, path: str, body: dict[str, Any], status: int, said: str) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text


@pytest.mark.parametrize(
    ("length", "blob", "said"),
    [
        ("9999999", b"", "within the body"),
        ("-1", b"", "within the body"),
        ("²", b"", "within the body"),
        (None, b"xx", "not JSON"),
    ],
)
def test_bad_binary_headers(client: Any, length: str | None, blob: bytes, said: str) -> None:
    head = json.dumps(pair([7], [10])).encode()
    headers = {} if length is None else {"Inference-Header-Content-Length": length.encode("latin-1")}
    answer = client.post(SCORER, content=head + blob, headers=headers)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        ("INT64", b"1234567", "7 bytes are not 1 values"),
        ("BYTES", b"\x09\x00\x00\x00ab", "are not 1 texts"),
        ("BYTES", b"\x02\x00\x00\x00\xff\xff", "not UTF-8"),
        ("BYTES", b"\x00", "are not 1 texts"),
    ],
)
def test_bad_binary_tensors(client: Any, kind: str, raw: bytes, said: str) -> None:
    entry = {"name": "src", "datatype": kind, "shape": [1], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [entry, tensor("dst", [10])]}).encode()
    answer = client.post(SCORER, content=head + raw, headers={"Inference-Header-Content-Length": str(len(head))})
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text
    longer = client.post(SCORER, content=head + raw + b"!", headers={"Inference-Header-Content-Length": str(len(head))})
    assert longer.status_code == 400


def test_a_body_without_a_length_is_cut_off(client: Any) -> None:
    answer = client.post("/score", content=(b" " * 1000 for _ in range(100)))
    assert answer.status_code == 413


def test_embeddings_must_be_finite(client: Any) -> None:
    body = {"inputs": [tensor("embedding", [float("nan")] * 16, "FP32", [1, 16])]}
    answer = client.post("/v2/models/denoiser/infer", content=json.dumps(body))
    assert (answer.status_code, answer.json()["error"]) == (400, "input embedding: values must be finite")


def test_metrics_count_requests_and_ties(client: Any) -> None:
    client.post("/score", json={"src": [7] * 9, "dst": [10] * 9})
    client.post("/score", content=b"{")
    text = client.get("/metrics").text
    assert 'recdiff_requests_total{path="/score",status="200"}' in text
    assert 'recdiff_requests_total{path="/score",status="400"}' in text
    assert "recdiff_batch_rows_bucket" in text
    assert float(re.findall(r"^recdiff_model_load_seconds (.*)$", text, re.M)[0]) > 0
    assert re.search(r'^recdiff_model_info\{bundle="[0-9a-f]{64}",sdk="[\d.]+"\} 1.0$', text, re.M)
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "python_info"):
        assert re.search(rf"^{name}\b", text, re.M), name
    ties = float(next(line for line in text.splitlines() if line.startswith("recdiff_scored_edges_total")).split()[1])
    assert ties >= 9


def test_a_token_is_wanted_everywhere_but_for_health(onnx_scorer: OnnxScorer) -> None:
    with running(onnx_scorer, ServeOptions(token="s3cret")) as at, httpx.Client(base_url=f"http://{at}") as client:
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/health/ready").status_code == 200
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "s3cret"},
            {"authorization": b"Bearer s3cr\xe9t"},
        ):
            for path in ("/metrics", "/v2", "/v2/models/scorer"):
                assert client.get(path, headers=headers).status_code == 401
            assert client.post("/score", json={}, headers=headers).status_code == 401
        good = {"authorization": "Bearer s3cret"}
        assert client.post("/score", json={"src": [7], "dst": [10]}, headers=good).status_code == 200


def test_a_fault_of_ours_is_a_500_without_details(
    onnx_scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(onnx_scorer, "positions", broken)
    with running(onnx_scorer) as at:
        answer = httpx.post(f"http://{at}/score", json={"src": [7], "dst": [10]})
    assert (answer.status_code, answer.json()["error"]) == (500, "internal error; the server's log says more")
    assert "the secret of the house" in caplog.text


def test_many_clients_at_once_get_their_own_answers(address: str, onnx_scorer: OnnxScorer) -> None:
    src = np.random.default_rng(2).integers(0, 200, (32, 5))
    ids = 3 * np.stack([src, (src + 1 + src % 9) % 200], axis=1) + 7
    expected = [onnx_scorer.score(src, dst) for src, dst in ids]

    def ask(index: int) -> list[float]:
        src, dst = ids[index % 32].tolist()
        answer = shared.post("/score", json={"src": src, "dst": dst})
        scores: list[float] = answer.json()["fake_score"]
        return scores

    shared = httpx.Client(base_url=f"http://{address}")
    with shared, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(128)))
    for index, answer in enumerate(answers):
        np.testing.assert_allclose(answer, expected[index % 32], atol=1e-6)


def test_waiting_requests_share_a_call_and_too_many_are_refused() -> None:
    calls: list[int] = []
    gate = threading.Event()

    def score(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
        gate.wait(5)
        return (src * 10 + dst).astype(np.float32)

    async def scene() -> None:
        batcher = MicroBatcher(score, batch_rows=4, queue_rows=7, observe=calls.append)
        one = np.array([1, 2])
        tasks = [asyncio.create_task(batcher.score(one + index, one)) for index in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadError):
            await batcher.score(np.arange(9), np.arange(9))
        tasks[1].cancel()
        gate.set()
        assert (await tasks[0]).tolist() == [11.0, 22.0]
        assert (await tasks[2]).tolist() == [31.0, 42.0]
        await batcher.close()

    asyncio.run(scene())
    assert calls == [4, 2]


def test_a_failing_call_fails_its_own_requests_only() -> None:
    def score(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
        if src[0] == 0:
            raise ValueError("no")
        return src.astype(np.float32)

    async def scene() -> None:
        batcher = MicroBatcher(score, batch_rows=1, queue_rows=10, observe=lambda _: None)
        results = await asyncio.gather(
            *(batcher.score(np.array([index]), np.array([1])) for index in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [ValueError, np.ndarray, np.ndarray]
        await batcher.close()

    asyncio.run(scene())


def test_a_server_told_to_stop_answers_what_it_has_begun(bundle: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import time\n"
        "from recdiff_export import OnnxScorer\n"
        "from recdiff_export.serve import serve\n"
        f"scorer = OnnxScorer.open({str(bundle)!r}, provider='cpu')\n"
        "fast = scorer.score_positions\n"
        "scorer.score_positions = lambda *pair: (time.sleep(1), fast(*pair))[1]\n"
        f"serve(scorer, port={port})\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code])
    url = f"http://127.0.0.1:{port}"
    for _ in range(400):
        try:
            if httpx.get(f"{url}/v2/health/ready").status_code == 200:
                break
        except httpx.ConnectError:
            time.sleep(0.05)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{url}/score", json={"src": [7], "dst": [10]})
        time.sleep(0.4)
        os.kill(server.pid, signal.SIGTERM)
        assert answer.result().status_code == 200
    server.wait(timeout=10)


def test_serving_is_refused_with_the_install_line_where_the_extra_is_missing() -> None:
    code = (
        "import sys; sys.modules['starlette.applications'] = None\n"
        "try:\n import recdiff_export.serve.app\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("UsageError serving needs ")
    assert "pip install starlette uvicorn httptools prometheus-client" in done.stdout
