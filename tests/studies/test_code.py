"""A changed line changes the keys of the cells whose code it is part of, and of no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recdiff.studies.lab import contenders
from recdiff.studies.lab.trial import trial_cell
from recdiff.studies.systems import code
from recdiff.studies.systems.code import Home, code_of, sources

EASE, LIGHTGCN, TRIAL = "recdiff.baselines.ease", "recdiff.baselines.lightgcn", "recdiff.studies.lab.trial"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the package to change lines in; hashes are of this copy."""
    copy = tmp_path / "recdiff"
    shutil.copytree(code.PROJECT.folder / "recdiff", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PROJECT", Home(tmp_path, "recdiff"))
    return copy


def keys() -> dict[str, str]:
    """Return the key of a cell of every system built in."""
    return {name: trial_cell("d", name, {}, 0, None, final=True).key for name in contenders.names()}


def add_line(file: Path) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\nADDED = 1\n", encoding="utf-8")


TOUCHED = {
    "baselines/ease.py": {"ease", "ease-ties"},
    "baselines/neural/ngcf.py": {"ngcf"},
    "baselines/motifs.py": {"mhcn"},
    "paper/encoder.py": {"recdiff-paper"},
    "recommender/training.py": {"recdiff"},
    "metrics/ranking.py": set(contenders.names()),
    "studies/lab/trial.py": set(contenders.names()),
    "baselines/registry.py": set(),
    "studies/lab/contenders.py": set(),
    "fakes/injection.py": set(),
    "studies/page/report.py": set(),
}


def test_a_line_touches_the_systems_that_it_is_part_of(project: Path) -> None:
    before = keys()
    for file, touched in TOUCHED.items():
        add_line(project / file)
        after = keys()
        assert {name for name in before if before[name] != after[name]} == touched, file
        before = after


def test_how_ties_are_changed_counts_where_they_are_changed(project: Path) -> None:
    def key(change: dict[str, object]) -> str:
        return trial_cell("d", "ease", {}, 0, None, change=change, final=True).key

    given, fake = {"kind": "given"}, {"kind": "uniform", "share": 0.2}
    before = key(given), key(fake)
    add_line(project / "fakes" / "injection.py")
    assert key(given) == before[0]
    assert key(fake) != before[1]


def test_what_lies_beside_a_guest_counts_and_what_is_installed_does_not(tmp_path: Path) -> None:
    for file, text in {
        "mine.py": "import numpy\nfrom pack.part import one\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import types_only\ndef later():\n    import late\n"
        "from recdiff.baselines import Task\n",
        "pack/__init__.py": "from . import other\n",
        "pack/part.py": "from .deep import two as one\nfrom importlib import import_module\nimport_module('named')\n",
        "pack/deep.py": "two = 2\n",
        "pack/other.py": "x = (\n",
        "late.py": "",
        "named.py": "",
        "types_only.py": "",
        "unused.py": "",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    home = Home(tmp_path)
    found = set(sources(["mine"], home))
    own = {name for name in found if not name.startswith("recdiff")}
    assert own == {"mine", "pack", "pack.part", "pack.deep", "pack.other", "late", "named"}
    assert "recdiff.baselines.task" in found
    assert not {"recdiff.baselines.registry", "recdiff.baselines.ease"} & found
    before = code_of(["mine"], home)
    for file, counts in {"unused.py": False, "types_only.py": False, "named.py": True, "pack/deep.py": True}.items():
        add_line(tmp_path / file)
        assert (code_of(["mine"], home) != before) == counts
        before = code_of(["mine"], home)


def test_a_guest_that_uses_a_baseline_by_name_depends_on_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from recdiff.baselines.registry import baseline\n", encoding="utf-8")
    assert {EASE, LIGHTGCN} <= set(sources(["mine"], Home(tmp_path)))
    assert set(sources([TRIAL, EASE])) & {LIGHTGCN, "recdiff.baselines.registry"} == set()


def test_of_an_installed_package_only_its_own_modules_count(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("import other\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    assert set(sources(["mine"], Home(tmp_path, "mine"))) == {"mine"}
    with pytest.raises(ValueError, match=r"module 'absent' has no source file"):
        code_of(["absent"], Home(tmp_path))
