from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, OptionError, to_recbole
from tests.adapters import adapter_samples as samples

pandas = pytest.importorskip("pandas")

IDS = ["007", "7", "Zoë 🦊", 'say "hi"', " lead ", "=1+1", "a,b;c|d", "na", "1e3", "\ufeffx", "#"]
# Loads a folder with RecBole's own Dataset and prints the raw ids of every row.
LOADER = """
import json, sys
import numpy
from recbole.config import Config
from recbole.data.dataset import Dataset
parent, name = sys.argv[1:]
settings = {
    "data_path": parent, "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id",
    "load_col": {"inter": ["user_id", "item_id", "score"], "net": ["source_id", "target_id", "score"]},
    "additional_feat_suffix": ["net"], "alias_of_user_id": ["source_id", "target_id"],
    "log_wandb": False, "state": "ERROR",
}
sys.argv = sys.argv[:1]
data = Dataset(Config(model="Pop", dataset=name, config_dict=settings))
def rows(feat, fields):
    return list(zip(*(data.id2token(field, numpy.asarray(feat[field])).tolist() for field in fields)))
print(json.dumps({
    "inter": rows(data.inter_feat, ["user_id", "item_id"]), "inter_score": data.inter_feat["score"].tolist(),
    "net": rows(data.net_feat, ["source_id", "target_id"]), "net_score": data.net_feat["score"].tolist(),
}))
"""


def read(path: Path) -> list[list[str]]:
    """Read as RecBole does: the header split by hand, then pandas with its defaults."""
    names = path.read_text(encoding="utf-8").split("\n", 1)[0].split("\t")
    types = {name: float if name.endswith(":float") else str for name in names}
    frame = pandas.read_csv(path, delimiter="\t", usecols=names, dtype=types, encoding="utf-8", engine="python")
    rows: list[list[str]] = frame.values.tolist()
    return rows


def recbole_python(build_in: Path | None) -> Path:
    """Return the Python of the environment with RecBole that RECDIFF_RECBOLE_VENV names, or skip.

    Where there is none yet, one is built there, or in ``build_in``, when ``build_in`` is given.
    """
    place = os.environ.get("RECDIFF_RECBOLE_VENV")
    if not place and not build_in:
        pytest.skip("RECDIFF_RECBOLE_VENV names no environment with recbole 1.2.1; -m slow builds one there")
    folder = Path(place or str(build_in))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        if not build_in:
            pytest.skip(f"{folder} is not an environment yet; -m slow builds it")
        venv.create(folder, with_pip=True)
        wanted = ["recbole==1.2.1", "numpy<2", "pandas<3", "torch>=2.6,<2.14"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def test_the_text_is_exact(tmp_path: Path) -> None:
    path = to_recbole(samples.edges(), tmp_path / "ciao")
    assert path == tmp_path / "ciao" / "ciao.net"
    assert path.read_text(encoding="utf-8") == "source_id:token\ttarget_id:token\n007\t7\n7\tZoë\n"
    path = to_recbole(samples.recommendations(), tmp_path / "ciao")
    assert path == tmp_path / "ciao" / "ciao.inter"
    assert path.read_text(encoding="utf-8") == (
        "user_id:token\titem_id:token\tscore:float\n007\t7\t2.5\n007\tlamp\t-0.125\n7\tlamp\t0.5\n"
    )


def test_the_weight_is_a_choice(tmp_path: Path) -> None:
    path = to_recbole(samples.ring(["a", "b"]), tmp_path / "ciao", weight="trust")
    assert path.read_text() == "source_id:token\ttarget_id:token\tscore:float\na\tb\t1\nb\ta\t0.5\n"
    with pytest.raises(AdapterError, match="column fake_score, row 2: None"):
        to_recbole(samples.edges(), tmp_path / "ciao", weight="fake_score")


def test_odd_ids_come_back(tmp_path: Path) -> None:
    table = samples.ring(IDS)
    assert [row[0] for row in read(to_recbole(table, tmp_path / "x"))] == IDS
    assert read(to_recbole(samples.empty_edges(), tmp_path / "x", force=True)) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "reads an empty id as a missing one"),
        ("NA", "reads this id as a missing value"),
        ("#N/A N/A", "reads this id as a missing value"),
        ("[PAD]", "keeps this word for padding"),
        ("a\tb", "separates columns with tabs"),
        ("a\nb", "cannot hold a line break"),
        ("a\rb", "cannot hold a line break"),
        ("a\0b", "cannot hold a NUL"),
        ('"a', "leading double quote"),
    ],
)
def test_an_id_that_recbole_would_change_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(AdapterError) as caught:
        to_recbole(samples.ring(["a", name]), tmp_path / "x")
    assert str(caught.value).startswith(f"column src, row 2: {name!r}: RecBole")
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_every_word_that_pandas_takes_for_missing_is_refused(tmp_path: Path) -> None:
    words = pytest.importorskip("pandas._libs.parsers").STR_NA_VALUES
    assert len(words) > 15
    for word in words:
        with pytest.raises(AdapterError):
            to_recbole(samples.ring(["a", word]), tmp_path / "x")


def test_the_folder_must_have_a_name() -> None:
    with pytest.raises(OptionError, match="has no last name"):
        to_recbole(samples.edges(), "/")


def test_other_files_of_the_data_set_stay(tmp_path: Path) -> None:
    (tmp_path / "ciao").mkdir()
    (tmp_path / "ciao" / "ciao.inter").write_text("mine")
    to_recbole(samples.edges(), tmp_path / "ciao")
    assert (tmp_path / "ciao" / "ciao.inter").read_text() == "mine"


@samples.quick
@given(samples.id_lists)
def test_any_id_comes_back_or_is_refused(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    try:
        path = to_recbole(samples.ring(ids), tmp_path_factory.mktemp("recbole") / "x")
    except AdapterError as error:
        assert any(repr(name) in str(error) for name in ids)  # noqa: PT017
    else:
        assert [row[0] for row in read(path)] == ids


@pytest.mark.parametrize("build", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_recboles_own_loader_reads_both_files(tmp_path: Path, build: bool) -> None:
    python = recbole_python(tmp_path / "environment" if build else None)
    edges, items = samples.ring(IDS), samples.recommendations(user_id=IDS[:3])
    to_recbole(edges, tmp_path / "ciao", weight="trust")
    to_recbole(items, tmp_path / "ciao")
    command = [str(python), "-W", "ignore", "-c", LOADER, str(tmp_path), "ciao"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert [tuple(row) for row in loaded["net"]] == samples.rows(edges, "src", "dst")
    assert [tuple(row) for row in loaded["inter"]] == samples.rows(items, "user_id", "item_id")
    assert loaded["inter_score"] == items["score"].to_pylist()
    assert loaded["net_score"] == pytest.approx([1 - score for score in edges["fake_score"].to_pylist()])
    assert "recbole" not in sys.modules
