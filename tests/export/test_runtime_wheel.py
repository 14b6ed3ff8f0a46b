"""The runtime's wheel in an environment of its own: how large it is, how soon it serves, and that it answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.pages.player import prepared, quick_fits

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[2] / "export" / "runtime-package"
MOST_MEGABYTES, MOST_SECONDS = 450, 1.5
# A busy machine makes a start longer, and nothing makes one shorter: one that is soon enough is proof.
STARTS = 20


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quick_fits():
        return prepared(tmp_path_factory.mktemp("sample") / "start") / "recdiff-model" / "onnx"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("runtime")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(work), str(HOME)]
    subprocess.run(build, check=True)
    (wheel,) = work.glob("recdiff_runtime-*.whl")
    venv.create(work / "env", with_pip=True)
    subprocess.run([work / "env" / "bin" / "python", "-m", "pip", "install", "-q", f"{wheel}[serve]"], check=True)
    return work / "env"


@contextmanager
def serving(environment: Path, bundle: Path) -> Iterator[tuple[str, float]]:
    """Yield the address of a server and the seconds from its start until it was ready."""
    begun = time.perf_counter()
    command = [environment / "bin" / "recdiff-runtime", "serve", str(bundle), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        assert said.startswith("listening on "), said + server.stderr.read()
        at = said.split()[2]
        with urlopen(f"{at}/v2/health/ready", timeout=10) as answer:
            assert answer.status == 200
        seconds = time.perf_counter() - begun
        yield at, seconds
        server.terminate()
        assert server.wait(20) == 0


def asked(url: str, body: dict[str, Any]) -> Any:
    with urlopen(Request(url, json.dumps(body).encode()), timeout=10) as answer:
        return json.load(answer)


def megabytes(folder: Path) -> float:
    """Return what ``folder`` takes on the disk, in MB of 10^6 bytes."""
    return sum(file.lstat().st_blocks for file in folder.rglob("*")) * 512 / 1e6


def test_it_is_small_and_has_none_of_the_heavy_packages(installed: Path) -> None:
    size = megabytes(installed)
    print(f"environment: {size:.0f} MB")
    assert size < MOST_MEGABYTES
    listed = [installed / "bin" / "python", "-m", "pip", "list", "--format", "json"]
    names = {each["name"] for each in json.loads(subprocess.run(listed, check=True, capture_output=True).stdout)}
    assert not names & {"torch", "scipy", "scikit-learn", "onnx", "safetensors", "recdiff-sdk", "typer"}


def test_it_answers_what_the_sample_knows(installed: Path, bundle: Path) -> None:
    with serving(installed, bundle) as (at, _):
        scored = asked(f"{at}/score", {"src": ["jin-0000", "nobody"], "dst": ["gita-0199", "jin-0000"]})
        ranked = asked(f"{at}/recommend", {"users": ["jin-0000"], "k": 3})
        new = asked(f"{at}/recommend", {"history": ["physics-0050"], "friends": ["jin-0000"], "k": 3})
    assert 0 <= scored["fake_score"][0] <= 1
    assert scored["errors"] == [{"row": 1, "error": "user 'nobody' is not in the model"}]
    assert [len(each["recommendations"][0]["items"]) for each in (ranked, new)] == [3, 3]


def test_it_is_soon_ready(installed: Path, bundle: Path) -> None:
    seconds: list[float] = []
    while len(seconds) < STARTS and min(seconds, default=MOST_SECONDS) >= MOST_SECONDS:
        with serving(installed, bundle) as (_, took):
            seconds.append(took)
    print(f"ready after {', '.join(f'{each:.2f}' for each in seconds)} s")
    assert min(seconds) < MOST_SECONDS
