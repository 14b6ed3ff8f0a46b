"""`recdiff-runtime` does what the SDK's command does, without the rest of the SDK."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.version import VERSION
from recdiff_export import OnnxScorer
from recdiff_export.runtime_command import main

pytest.importorskip("starlette", reason="serving needs the serve extra")
httpx = pytest.importorskip("httpx", reason="the HTTP tests need httpx")

TIES = pa.table({"src": [7, 8, 10], "dst": [10, 10, 13]})


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Give back the signals that the command takes."""
    held = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in held.items():
        signal.signal(number, handler)


def failed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0), capsys.readouterr().err


def test_a_file_is_scored(bundle: Path, onnx_scorer: OnnxScorer, tmp_path: Path) -> None:
    pq.write_table(TIES, tmp_path / "ties.parquet")
    main(["score", str(bundle), str(tmp_path / "ties.parquet"), "--out", str(tmp_path / "out.parquet")])
    scored = pq.read_table(tmp_path / "out.parquet")
    assert scored["src"].to_pylist() == [7, 8, 10]
    assert scored["fake_score"].to_pylist()[0] == onnx_scorer.score([7], [10])[0]


def test_mistakes_end_in_a_message_and_a_code(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ties, out = str(tmp_path / "ties.parquet"), ["--out", str(tmp_path / "out.parquet")]
    code, said = failed(capsys, "score", str(bundle), ties, *out)
    assert (code, "ties.parquet" in said) == (3, True)
    pq.write_table(TIES, ties)
    code, said = failed(capsys, "score", str(bundle), ties, *out, "--unknown", "error")
    assert (code, "8" in said) == (3, True)
    code, said = failed(capsys, "serve", str(tmp_path), "--port", "0")
    assert (code, said.startswith(f"error: {tmp_path}: no bundle here")) == (4, True)
    code, said = failed(capsys, "serve", str(bundle), "--port", "70000")
    assert (code, "'70000' is no port; accepted: 0 to 65535" in said) == (2, True)
    code, said = failed(capsys, "serve", str(bundle), "--token", "\n")
    assert (code, "the token is empty" in said) == (2, True)


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"recdiff-runtime {VERSION}\n"


def test_it_serves_until_it_is_told_to_stop(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECDIFF_TOKEN", "s3cret")
    code = "from recdiff_export.runtime_command import main; main()"
    command = [sys.executable, "-c", code, "serve", str(bundle), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        assert said.startswith("listening on http://127.0.0.1:"), said
        at = said.split()[2]
        assert httpx.get(f"{at}/v2/health/ready").status_code == 200
        assert httpx.get(f"{at}/v2").status_code == 401
        assert httpx.get(f"{at}/v2", headers={"authorization": "Bearer s3cret"}).status_code == 200
        server.terminate()
        assert server.wait(20) == 0
        assert server.stderr.read() == ""
