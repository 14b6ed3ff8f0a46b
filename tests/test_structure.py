"""The house holds: imports go one way, nothing happens at import, nothing is unpickled, public names are sorted."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"recdiff": "sdk", "recdiff_export": "export", "recdiff_adapters": "adapters", "recdiff_cli": "cli"}
ALLOWED = {
    "recdiff": set(),
    "recdiff_adapters": set(),
    "recdiff_export": {"recdiff"},
    "recdiff_cli": {"recdiff", "recdiff_export", "recdiff_adapters"},
}
# The one place that unpickles, through an allow-list of array constructors.
UNPICKLER = Path("sdk/recdiff/published.py")


def modules(package: str) -> list[Path]:
    return sorted((ROOT / FOLDERS[package] / package).rglob("*.py"))


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", FOLDERS)
def test_packages_import_only_upstream(package: str) -> None:
    for file in modules(package):
        ours = {name.split(".")[0] for name in imported(file)} & set(FOLDERS)
        assert ours <= ALLOWED[package] | {package}, f"{file} imports {ours - ALLOWED[package] - {package}}"


def test_modules_of_the_sdk_do_not_import_in_circles() -> None:
    graph = {file.stem: {name.removeprefix("recdiff.") for name in imported(file)} for file in modules("recdiff")}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join((*path, name))}"
        if name in done or name not in graph:
            return
        for other in graph[name]:
            visit(other, (*path, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("package", FOLDERS)
def test_nothing_is_unpickled(package: str) -> None:
    for file in modules(package):
        if file.relative_to(ROOT) == UNPICKLER:
            continue
        text = file.read_text(encoding="utf-8")
        assert not imported(file) & {"pickle", "joblib", "dill", "shelve"}, f"{file} imports a pickle library"
        assert "torch.load(" not in text, f"{file} calls torch.load"
        assert "allow_pickle=True" not in text, f"{file} allows pickles"


def test_the_runtime_imports_neither_torch_nor_scikit_learn() -> None:
    assert heavy("import recdiff_export; recdiff_export.OnnxScorer", "torch", "sklearn", "onnx") == "[]"


def test_importing_the_package_is_light() -> None:
    assert heavy("import recdiff", "torch", "sklearn", "pyarrow") == "[]"


def test_importing_the_command_line_is_light() -> None:
    assert heavy("import recdiff_cli.main", "torch", "sklearn", "pyarrow", "numpy") == "[]"


@pytest.mark.parametrize("package", ["recdiff", "recdiff_export", "recdiff_adapters"])
def test_public_names_are_sorted_and_there(package: str) -> None:
    run(f"import {package} as p; assert list(p.__all__) == sorted(p.__all__); [getattr(p, n) for n in p.__all__]")


def heavy(code: str, *names: str) -> str:
    """Run ``code`` and return which of the modules ``names`` it loaded."""
    return run(f"import sys; {code}; print([name for name in {names!r} if name in sys.modules])")


def run(code: str) -> str:
    path = ":".join(str(ROOT / folder) for folder in FOLDERS.values())
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
