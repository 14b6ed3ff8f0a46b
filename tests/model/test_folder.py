"""The model folder: everything comes back, and nothing that was changed, is missing or foreign is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import recdiff.model.folder as model_folder
from recdiff.cleaning.folder import write_cleaned
from recdiff.config import Config
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError, UsageError
from recdiff.model.folder import (
    BUNDLE,
    CONTENTS,
    MANIFEST,
    Artifact,
    above,
    below,
    read_artifact,
    verified,
    write_artifact,
)

ROOT = Path(__file__).resolve().parents[2]
TEXT = pa.array(["007", "a b", "é\t\"'", "😀"])
NUMBERS = pa.array([-(2**63), 0, 7, 2**63 - 1], pa.int64())
NONE = pa.array([], pa.string())


def artifact(users: pa.Array = NUMBERS, items: pa.Array = TEXT, seed: int = 3) -> Artifact:
    arrays = {
        "scorer/table": np.arange(12, dtype=np.float32).reshape(4, 3),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "count": np.array([2**40], np.int64),
    }
    edges = pa.table(
        {"src": pa.array([0, 1]), "dst": pa.array([2, 3]), "fake_score": pa.array([0.25, 1.0], pa.float32())}
    )
    history = [{"epoch": 5, "validation": 0.1 + 0.2}]
    metrics = {"test": {"recall@20": 0.0646}, "note": "ü"}
    return Artifact(
        config=Config(seed=seed),
        users=Ids(users),
        items=Ids(items),
        arrays=arrays,
        edges=edges,
        calibration={"shares": [0.2]},
        metrics=metrics,
        history=history,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "model"
    write_artifact(target, artifact())
    return target


@pytest.mark.parametrize("users", [NUMBERS, TEXT])
@pytest.mark.parametrize("items", [NUMBERS, TEXT, NONE])
def test_everything_comes_back(tmp_path: Path, users: pa.Array, items: pa.Array) -> None:
    written = artifact(users, items)
    write_artifact(tmp_path / "model", written)
    read = read_artifact(tmp_path / "model")
    assert (read.config, read.users, read.items) == (written.config, written.users, written.items)
    assert read.edges.equals(written.edges)
    assert (read.calibration, read.metrics, read.history) == (written.calibration, written.metrics, written.history)
    assert set(read.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        assert np.array_equal(read.arrays[name], array)
        assert read.arrays[name].dtype == array.dtype


def test_the_same_model_is_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    write_artifact(tmp_path / "again", artifact())
    for name in (*CONTENTS, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize("name", CONTENTS)
def test_one_changed_byte_is_refused_by_name(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=rf"{name} was changed"):
        read_artifact(folder)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name} is missing or cannot be read"):
        read_artifact(folder)


@pytest.mark.parametrize("name", [*CONTENTS, MANIFEST])
def test_a_link_is_followed_since_the_hash_is_the_check(folder: Path, tmp_path: Path, name: str) -> None:
    aside = tmp_path / "aside"
    (folder / name).rename(aside)
    (folder / name).symlink_to(aside)
    assert read_artifact(folder).config.seed == artifact().config.seed
    aside.write_bytes(aside.read_bytes() + b" ")
    if name != MANIFEST:
        with pytest.raises(ArtifactError, match=f"{name} was changed"):
            read_artifact(folder)


def test_a_bundle_that_is_kept_elsewhere_and_linked_does_no_harm(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (folder / "onnx").symlink_to(tmp_path / "disk")
    verified(folder)
    (tmp_path / "disk" / "scorer.onnx").touch()
    verified(folder)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", f".onnx.{'0' * 32}.tmp", f".onnx.{'0' * 32}.old"])
def test_what_systems_and_killed_writers_leave_does_no_harm(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"?")
    verified(folder)
    write_artifact(folder, artifact(seed=4))
    assert read_artifact(folder).config.seed == 4


def test_cleaned_edges_may_lie_in_the_model_folder(folder: Path) -> None:
    rows = pa.table({"src": ["a"], "dst": ["b"], "fake_score": [0.5]})
    write_cleaned(folder / "cleaned", rows, rows, {"edges": 2, "removed": 1})
    verified(folder)


def test_a_streamed_cleaning_in_the_model_folder_does_no_harm_killed_or_done(folder: Path) -> None:
    """Of many edges it writes folders of parts, and a killed one leaves a folder to go on from."""
    for name in ("cleaned/kept", "cleaned/removed", ".other.work/result/kept"):
        (folder / name).mkdir(parents=True)
        (folder / name / "part-00000.parquet").write_bytes(b"PAR1")
    (folder / "cleaned" / "summary.json").write_text('{"edges": 2, "removed": 1}', encoding="utf-8")
    verified(folder)
    (folder / "cleaned" / "kept" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArtifactError, match="cleaned does not belong here"):
        verified(folder)


def test_a_model_with_something_of_another_beside_it_is_not_replaced(folder: Path) -> None:
    (folder / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds 'thesis\.txt', which is no part of a model"):
        write_artifact(folder, artifact())
    assert (folder / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_another_programs_manifest_is_no_model(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"name": "my web app"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds 'manifest\.json' but no model's manifest\.json"):
        write_artifact(tmp_path, artifact())


@pytest.mark.parametrize("name", ["weights.pt", ".hidden", "folder/"])
def test_a_foreign_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).mkdir() if name.endswith("/") else (folder / name).write_bytes(b"")
    with pytest.raises(ArtifactError, match=rf"{name.rstrip('/')} does not belong here"):
        read_artifact(folder)


def test_every_fault_is_named_at_once(folder: Path) -> None:
    (folder / "ids.parquet").unlink()
    (folder / "metrics.json").write_text("{}", encoding="utf-8")
    (folder / "extra").touch()
    with pytest.raises(ArtifactError) as caught:
        verified(folder)
    assert str(caught.value) == (
        f"{folder}: ids.parquet is missing or cannot be read; "
        "metrics.json was changed (its hash differs from the manifest's); extra does not belong here. "
        "Fit the model again, or copy it whole"
    )


def test_the_bundle_beside_the_model_is_left_alone(folder: Path) -> None:
    (folder / BUNDLE).mkdir()
    (folder / BUNDLE / "scorer.onnx").touch()
    verified(folder)


def test_two_models_that_take_the_place_while_one_is_read_are_not_mixed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of them is the first again, so that the manifest says the same before and after."""
    before = (folder / MANIFEST).read_bytes()
    plain = model_folder._bytes
    met = []

    def late(file: Path) -> bytes | None:
        if file.name != "config.json" or met:
            return plain(file)
        write_artifact(folder, artifact(seed=5))
        met.append(plain(file))
        write_artifact(folder, artifact())
        return met[0]

    monkeypatch.setattr(model_folder, "_bytes", late)
    assert read_artifact(folder).config.seed == 3
    assert met
    assert (folder / MANIFEST).read_bytes() == before


def test_no_folder_and_no_manifest_say_what_to_run(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no model here \(manifest.json is missing.*recdiff-sdk fit DATA --out"):
        read_artifact(tmp_path / "gone")
    (folder / MANIFEST).unlink()
    with pytest.raises(ArtifactError, match="no model here"):
        read_artifact(folder)


def manifest_with(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | changes), encoding="utf-8")


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_another_format_is_refused(folder: Path, number: Any) -> None:
    manifest_with(folder, format=number)
    with pytest.raises(ArtifactError, match=rf"manifest.json: format {number!r}; this version reads format 1"):
        read_artifact(folder)


@pytest.mark.parametrize("files", [{}, [], None, {"config.json": {}}])
def test_a_manifest_that_lists_other_files_is_refused(folder: Path, files: Any) -> None:
    manifest_with(folder, files=files)
    with pytest.raises(ArtifactError, match=r"manifest.json: does not list exactly config.json"):
        read_artifact(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\x00"])
def test_a_manifest_that_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        read_artifact(folder)


def test_a_manifest_entry_without_hash_is_refused(folder: Path) -> None:
    manifest_with(folder, files=dict.fromkeys(CONTENTS, "abc"))
    with pytest.raises(ArtifactError, match=r"config.json was changed.*history.json was changed"):
        read_artifact(folder)


def test_a_model_is_replaced_by_a_new_one_with_its_bundle(folder: Path) -> None:
    (folder / BUNDLE).mkdir()
    write_artifact(folder, artifact(seed=4))
    assert read_artifact(folder).config.seed == 4
    assert not (folder / BUNDLE).exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_model_is_never_replaced(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "precious"
    if kind == "folder":
        target.mkdir()
        (target / "thesis.txt").write_text("years of work", encoding="utf-8")
    else:
        target.write_text("years of work", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"holds 'thesis\.txt', which is no part of a model|is a file, so it is not replaced"
    ):
        write_artifact(target, artifact())
    assert (target / "thesis.txt" if kind == "folder" else target).read_text(encoding="utf-8") == "years of work"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_artifact(tmp_path / "model", artifact())
    verified(tmp_path / "model")


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    broken = artifact()
    unwritable = Artifact(**{**vars(broken), "metrics": {"recall": float("nan")}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_artifact(tmp_path / "model", unwritable)
    assert list(tmp_path.iterdir()) == []


CHILD = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
from recdiff.model import folder as artifact
from tests.model.test_folder import artifact as made
def stop(*rest, **named):
    print("half", flush=True)
    sys.stdin.read()
pq.write_table = stop
artifact.write_artifact(Path(sys.argv[1]), made(seed=9))
"""


@pytest.mark.parametrize("before", [False, True])
def test_a_killed_write_is_never_taken_for_a_model(tmp_path: Path, before: bool) -> None:
    target = tmp_path / "model"
    if before:
        write_artifact(target, artifact())
    command = [sys.executable, "-c", CHILD, str(target)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'sdk'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
    if before:
        assert read_artifact(target).config.seed == 3
    else:
        assert not target.exists()
    half = [place for place in tmp_path.iterdir() if place != target]
    assert len(half) == 1
    with pytest.raises(ArtifactError, match="no model here"):
        read_artifact(half[0])
    write_artifact(target, artifact(seed=4))
    assert list(tmp_path.iterdir()) == [target], "the next writer clears away what the killed one left"


def test_prefixes_come_off_and_go_on() -> None:
    arrays = {"scorer/table": np.ones(1), "scorer/net/0": np.zeros(1), "scorers": np.ones(2)}
    assert list(below("scorer", arrays)) == ["table", "net/0"]
    assert list(above("scorer", below("scorer", arrays))) == ["scorer/table", "scorer/net/0"]
