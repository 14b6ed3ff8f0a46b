"""A running server takes a new bundle whole, or keeps the old one: over HTTP, and by SIGHUP."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recdiff_export import OnnxScorer, export_bundle
from tests.export.export_parts import parts

pytest.importorskip("starlette", reason="serving needs the serve extra")
httpx = pytest.importorskip("httpx", reason="the HTTP tests need httpx")

from recdiff_export.serve import ServeOptions  # noqa: E402
from tests.export.servers import COMMAND, command, running  # noqa: E402

pytestmark = pytest.mark.usefixtures("quick_parity")
LOAD = "/v2/repository/models/scorer/load"
ASK = {"src": [7, 10], "dst": [100, 301]}
RANK = {"users": [13], "k": 3}


def turned() -> Any:
    """Return parts that score and recommend otherwise, and have no denoiser."""
    model = parts()
    ranking = model.recommender
    assert ranking is not None
    scorer = replace(model.scorer, table=model.scorer.table[::-1].copy())
    recommender = replace(ranking, item_table=-ranking.item_table)
    return replace(model, scorer=scorer, recommender=recommender, denoiser=None, denoiser_rows=None)


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(bundle, tmp_path / "onnx")
    return tmp_path / "onnx"


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "onnx"
    export_bundle(turned(), folder)
    return folder


def replace_by(folder: Path, other: Path) -> None:
    """Put a copy of ``other`` in the place of ``folder``, as an export does."""
    draft = folder.with_name("draft")
    shutil.copytree(other, draft)
    folder.rename(folder.with_name(f"old-{time.monotonic_ns()}"))
    draft.rename(folder)


def answers(client: Any) -> tuple[Any, Any]:
    return client.post("/score", json=ASK).json(), client.post("/recommend", json=RANK).json()


def metric(client: Any, name: str) -> str:
    found: list[str] = re.findall(rf"^{re.escape(name)}(.*)$", client.get("/metrics").text, re.MULTILINE)
    return "\n".join(found)


def expected(folder: Path) -> tuple[Any, Any]:
    opened = OnnxScorer.open(folder, provider="cpu")
    with running(opened) as at, httpx.Client(base_url=f"http://{at}") as client:
        return answers(client)


def test_a_new_export_is_served_after_a_reload_and_not_before(folder: Path, new: Path) -> None:
    before, after = expected(folder), expected(new)
    assert before[0] != after[0]
    assert before[1] != after[1]
    with running(OnnxScorer.open(folder, provider="cpu")) as at, httpx.Client(base_url=f"http://{at}") as client:
        held = client.get("/v2/models/scorer").json()["properties"]["bundle"]
        replace_by(folder, new)
        assert answers(client) == before
        assert metric(client, f'recdiff_model_info{{bundle="{held}"').endswith(" 1.0")
        begun = time.time()
        answer = client.post(LOAD)
        assert (answer.status_code, answer.json()) == (200, {})
        assert answers(client) == after
        assert client.post("/v2/models/denoiser/infer", json={}).status_code == 404
        assert held not in client.get("/metrics").text
        assert float(metric(client, "recdiff_model_loaded_timestamp_seconds")) >= begun - 1
        assert float(metric(client, "recdiff_model_load_seconds")) > 0
        assert metric(client, 'recdiff_model_loads_total{outcome="loaded"}') == " 1.0"


def test_a_damaged_bundle_is_refused_and_the_old_one_serves_on(folder: Path, new: Path) -> None:
    with running(OnnxScorer.open(folder, provider="cpu")) as at, httpx.Client(base_url=f"http://{at}") as client:
        before = answers(client)
        replace_by(folder, new)
        table = bytearray((folder / "user_table.bin").read_bytes())
        table[len(table) // 2] ^= 1
        (folder / "user_table.bin").write_bytes(table)
        answer = client.post(LOAD, json={})
        assert answer.status_code == 400
        assert "user_table.bin was changed" in answer.json()["error"]
        assert "the old model goes on serving" in answer.json()["error"]
        shutil.rmtree(folder)
        assert "no bundle here" in client.post(LOAD, json={}).json()["error"]
        assert answers(client) == before
        assert metric(client, 'recdiff_model_loads_total{outcome="refused"}') == " 2.0"


def test_requests_under_way_end_on_the_bundle_they_began_with(folder: Path, new: Path) -> None:
    old = OnnxScorer.open(folder, provider="cpu")
    before, after = expected(folder)[0], expected(new)[0]
    under_way, go_on = threading.Event(), threading.Event()
    real = old.score_positions

    def slow(*pair: Any) -> Any:
        under_way.set()
        assert go_on.wait(20)
        return real(*pair)

    old.score_positions = slow  # type: ignore[method-assign]
    with running(old) as at, httpx.Client(base_url=f"http://{at}") as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"http://{at}/score", json=ASK, timeout=30)
        assert under_way.wait(10)
        replace_by(folder, new)
        assert client.post(LOAD).status_code == 200
        assert client.post("/score", json=ASK).json() == after
        go_on.set()
        assert waiting.result().json() == before


def test_reloading_under_load_loses_no_request(folder: Path, bundle: Path, new: Path) -> None:
    allowed = [expected(bundle)[0], expected(new)[0]]
    with running(OnnxScorer.open(folder, provider="cpu")) as at, ThreadPoolExecutor(4) as pool:
        done = threading.Event()

        def ask() -> int:
            count = 0
            with httpx.Client(base_url=f"http://{at}", timeout=30) as client:
                while not done.is_set():
                    answer = client.post("/score", json=ASK)
                    assert answer.status_code == 200
                    assert answer.json() in allowed
                    count += 1
            return count

        asking = [pool.submit(ask) for _ in range(3)]
        for turn in range(6):
            replace_by(folder, bundle if turn % 2 else new)
            assert httpx.post(f"http://{at}{LOAD}", timeout=30).status_code == 200
        done.set()
        assert all(each.result() > 0 for each in asking)


def test_loading_is_behind_the_token_and_takes_no_settings(folder: Path) -> None:
    options = ServeOptions(token="s3cret")
    with (
        running(OnnxScorer.open(folder, provider="cpu"), options) as at,
        httpx.Client(base_url=f"http://{at}") as client,
    ):
        assert client.post(LOAD).status_code == 401
        good = {"authorization": "Bearer s3cret"}
        assert client.post(LOAD, headers=good).status_code == 200
        assert client.post("/v2/repository/models/soul/load", headers=good).status_code == 404
        answer = client.post(LOAD, json={"parameters": {"config": "{}"}}, headers=good)
        assert (answer.status_code, "parameters are not taken" in answer.json()["error"]) == (400, True)


def test_a_triton_client_loads(folder: Path) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="the protocol test needs tritonclient[http]")
    with running(OnnxScorer.open(folder, provider="cpu")) as at, triton.InferenceServerClient(at) as remote:
        assert "model_repository" in remote.get_server_metadata()["extensions"]
        remote.load_model("scorer")
        (folder / "scorer.onnx").unlink()
        with pytest.raises(triton.InferenceServerException, match=r"scorer\.onnx is missing"):
            remote.load_model("scorer")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_sighup_reloads_and_never_kills(folder: Path, new: Path) -> None:
    after = expected(new)
    with command(folder) as (process, address), httpx.Client(base_url=address) as client:
        before = answers(client)
        (folder / "stranger").touch()
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: metric(client, 'recdiff_model_loads_total{outcome="refused"}') == " 1.0")
        assert answers(client) == before
        replace_by(folder, new)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: metric(client, 'recdiff_model_loads_total{outcome="loaded"}') == " 1.0")
        assert answers(client) == after
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert "stranger is not listed" in said
    assert "Traceback" not in said


def wait_for(holds: Any) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 10 seconds")


def test_nothing_is_said_to_listen_where_the_port_is_taken(folder: Path, onnx_scorer: OnnxScorer) -> None:
    with running(onnx_scorer) as at:
        port = at.rpartition(":")[2]
        serve = [*COMMAND, "serve", "--model", str(folder), "--device", "cpu", "--port", port]
        done = subprocess.run(serve, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: Address already in use")
    assert "listening" not in done.stderr
    nowhere = [*COMMAND, "serve", "--model", str(folder), "--host", "no.such.host.invalid", "--device", "cpu"]
    done = subprocess.run(nowhere, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "error: cannot listen on no.such.host.invalid" in done.stderr) == (2, True)


PRELOADED = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore")
import httpx
from recdiff_export import OnnxScorer
from recdiff_export.runtime import scorer as module
from recdiff_export.serve.options import ServeOptions
from recdiff_export.serve.listening import bound
from recdiff_export.serve.server import Server
module.PIECE = 64
scorer = OnnxScorer.open(sys.argv[1], provider="cpu", threads=2)
scorer.score([7, 10] * 100, [10, 13] * 100)
server, sockets = Server(scorer, ServeOptions()), bound("127.0.0.1", 0)
child = multiprocessing.get_context("fork").Process(target=server.run, args=(sockets,), daemon=True)
child.start()
url = "http://127.0.0.1:%d" % sockets[0].getsockname()[1]
client = httpx.Client(base_url=url, timeout=20, transport=httpx.HTTPTransport(retries=10))
print(client.post("/score", json={"src": [7, 10] * 100, "dst": [10, 13] * 100}).status_code, end=" ")
print(client.post("/recommend", json={"users": list(range(7, 307, 3)), "k": 2}).status_code, end=" ")
child.terminate()
child.join(20)
print(child.exitcode)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork here")
def test_a_server_that_was_loaded_before_a_fork_answers(bundle: Path) -> None:
    ran = [sys.executable, "-c", PRELOADED, str(bundle)]
    done = subprocess.run(ran, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["200", "200", "0"], done.stderr
