"""The package of the runtime alone: whole without torch, and of one tree of sources with the SDK."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff_export import OnnxScorer

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "export" / "runtime-package"
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SDK = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ABSENT = ("torch", "scipy", "sklearn", "onnx", "safetensors", "typer")
# Where a package's import name is not the name that it is installed by.
IMPORTED_AS = {"prometheus-client": "prometheus_client"}


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Return the build's own script, which hatchling need not be there for."""
    spec = importlib.util.spec_from_file_location("runtime_hatch_build", HOME / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        interface = SimpleNamespace(BuildHookInterface=object)
        patch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
        spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def files(hook: ModuleType) -> dict[str, Path]:
    """Return the files of the package's modules."""
    found: dict[str, Path] = hook.package_modules()
    return found


def named(requirements: list[str]) -> dict[str, str]:
    """Return requirements by name."""
    return {re.split(r"[><=;\[ ]", each)[0]: each for each in requirements}


def test_modules_import_nothing_that_is_not_installed_with_them(hook: ModuleType, files: dict[str, Path]) -> None:
    extra = named(PROJECT["optional-dependencies"]["serve"])
    ours = {*hook.HOMES, *sys.stdlib_module_names}
    for name, file in files.items():
        needs = {each.partition(".")[0] for each in hook.imports(file)} - ours
        installed = set(named(PROJECT["dependencies"]))
        if name.startswith("recdiff_export.serve"):
            installed |= {IMPORTED_AS.get(each, each) for each in extra}
        assert needs <= installed, f"{name} imports {', '.join(sorted(needs - installed))}"


def test_dependencies_are_those_of_the_whole_package() -> None:
    assert set(named(PROJECT["dependencies"])) == {"numpy", "pyarrow", "onnxruntime", "filelock"}
    whole = named(SDK["dependencies"])
    for name, line in named(PROJECT["dependencies"]).items():
        assert whole[name].partition(";")[0] == line
    assert PROJECT["optional-dependencies"]["serve"] == SDK["optional-dependencies"]["serve"]
    assert PROJECT["requires-python"] == SDK["requires-python"]


def test_the_build_takes_the_files_of_the_tree(hook: ModuleType) -> None:
    data: dict[str, Any] = {"force_include": {}, "extra_metadata": {}}
    build = hook.RuntimeHook()
    build.initialize("standard", data)
    taken = set(data["force_include"].values())
    assert {"recdiff/py.typed", "recdiff_export/runtime/scorer.py", "recdiff_export/serve/openapi.py"} <= taken
    assert all(Path(source).is_file() and source.endswith(name) for source, name in data["force_include"].items())
    assert not any(
        name.startswith(("recdiff/estimator", "recdiff/model/fold", "recdiff_export/targets")) for name in taken
    )
    assert list(data["extra_metadata"].values()) == ["LICENSE"]
    with pytest.raises(ValueError, match="install it without -e"):
        build.initialize("editable", data)
    assert {each.name for each in HOME.iterdir() if each.name != "__pycache__"} == {
        "README.md",
        "hatch_build.py",
        "pyproject.toml",
    }


def test_the_modules_alone_score_and_serve(
    hook: ModuleType, files: dict[str, Path], bundle: Path, onnx_scorer: OnnxScorer, tmp_path: Path
) -> None:
    for name, home in hook.HOMES.items():
        for file in files.values():
            if file.is_relative_to(home / name):
                copy = tmp_path / "alone" / file.relative_to(home)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
    pq.write_table(pa.table({"src": [7, 8, 10], "dst": [10, 10, 13]}), tmp_path / "ties.parquet")
    code = (
        f"import sys\nfor name in {ABSENT}: sys.modules[name] = None\n"
        "import recdiff_export.serve.server\n"
        "from recdiff_export.runtime_command import main\n"
        f"main(['score', {str(bundle)!r}, 'ties.parquet', '--out', 'scored.parquet', '--device', 'cpu'])\n"
    )
    alone = {**os.environ, "PYTHONPATH": str(tmp_path / "alone")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=alone, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "3 edges: scored.parquet\n")
    scores = pq.read_table(tmp_path / "scored.parquet")["fake_score"].to_pylist()
    assert scores == [*onnx_scorer.score([7], [10]).tolist(), None, *onnx_scorer.score([10], [13]).tolist()]
