"""`update`: what it says, what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(run: Run, tmp_path: Path, model_folder: Path, sample_folder: Path) -> Path:
    shutil.copytree(model_folder, tmp_path / "recdiff-model")
    ids = pacsv.read_csv(sample_folder / "social.csv")["src"].unique().to_pylist()[:5]
    new = pa.table({"src": ["zoe-9000", "zoe-9000", "yann-9001"], "dst": [*ids[:2], "zoe-9000"]})
    pacsv.write_csv(new, tmp_path / "new.csv")
    return tmp_path


def test_an_update_is_said_and_undone(run: Run, place: Path) -> None:
    code, out, err = run("update", "--edges", "new.csv")
    assert code == 0, err
    assert "edges" in out
    assert "before: recdiff-model.v1   back: recdiff-sdk update --undo" in err
    code, out, _ = run("update", "--edges", "new.csv", "--json")
    assert (code, json.loads(out)["kept"]) == (0, None)
    assert "nothing is new, so recdiff-model stays as it is" in run("update", "--edges", "new.csv")[2]
    assert run("explain", "zoe-9000", "yann-9001")[0] == 0
    assert run("clean-edges", "--threshold", "0.3")[0] == 0
    code, out, _ = run("update", "--undo", "--json")
    assert (code, json.loads(out)) == (0, {"model": "recdiff-model", "undone_to": "recdiff-model.v1"})
    assert run("update", "--undo")[0] == 2
    assert run("explain", "zoe-9000", "yann-9001")[0] == 3


def test_the_bundle_of_the_old_scores_is_gone_and_said_to_be(run: Run, place: Path) -> None:
    (place / "recdiff-model" / "onnx").mkdir(exist_ok=True)
    code, _, err = run("update", "--edges", "new.csv")
    assert (code, "export again" in err) == (0, True)
    assert run("export", "--onnx")[0] == 0


def test_columns_may_have_other_names(run: Run, place: Path) -> None:
    text = (place / "new.csv").read_text(encoding="utf-8").replace('"src","dst"', '"who","whom"')
    (place / "new.csv").write_text(text, encoding="utf-8")
    assert run("update", "--edges", "new.csv")[0] == 3
    code, out, _ = run("update", "--edges", "new.csv", "--map", "src=who", "--map", "dst=whom", "--json")
    assert (code, json.loads(out)["last"]["edges"]) == (0, 3)


def test_what_makes_no_sense_is_refused(run: Run, place: Path) -> None:
    for given in ((), ("--undo", "--edges", "new.csv")):
        code, _, err = run("update", *given)
        assert (code, "give --edges FILE" in err) == (2, True)
    code, _, err = run("update", "--edges", "none.csv")
    assert (code, "none.csv: no such file or folder" in err) == (3, True)
    (place / "new.csv").write_text("src,dst\nzoe,\n", encoding="utf-8")
    code, _, err = run("update", "--edges", "new.csv")
    assert (code, "new.csv, row 2, column 'dst'" in err) == (3, True)
    shutil.rmtree(place / "recdiff-model")
    assert run("update", "--edges", "new.csv")[0] == 4
