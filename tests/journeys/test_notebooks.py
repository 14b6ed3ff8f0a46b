"""The notebook of every person's page is what docs/notebooks.py makes of it, and runs on the sample with short fits."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.journeys.walk import PORT, free_port
from tests.pages.blocks import PEOPLE, ROOT
from tests.pages.player import quick_environment

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
SECONDS = 300


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module docs/notebooks.py."""
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PEOPLE, ids=lambda page: page.stem)
def test_a_notebook_is_what_its_page_says(page: Path, script: ModuleType) -> None:
    kept = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert kept == script.notebook(page), f"{page.stem}: run python docs/notebooks.py"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", PEOPLE, ids=lambda page: page.stem)
def test_a_notebook_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in quick_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("RECDIFF_DATA", raising=False)
    notebook = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
    port = str(free_port())
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # A command that fails stops no notebook by itself.
            cell.source = re.sub(
                r"^!.*$", r"\g<0>\nassert _exit_code == 0, _exit_code", cell.source, flags=re.MULTILINE
            )
            cell.source = cell.source.replace(PORT, port)
    folder = tmp_path / "work"
    folder.mkdir()
    nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    assert (folder / "data" / "truth.parquet").is_file()


def test_what_starts_a_server_is_ended_and_marks_are_left_out(script: ModuleType) -> None:
    (page,) = [page for page in PEOPLE if page.stem == "platform-engineer"]
    made = list(script.cells(page))
    code = [text for is_code, text in made if is_code]
    assert any(text.startswith("import subprocess") and "'serve'" in text for text in code)
    assert code[-1] == script.STOPPED
    assert not any("<!--" in text or "As a notebook" in text or ".md)" in text for _, text in made)
