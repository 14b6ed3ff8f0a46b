"""A killed study continues: the same table, and nothing that was finished is computed again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from recdiff.errors import RecDiffError, UsageError
from recdiff.machine.progress import silent
from recdiff.studies import catalogue
from recdiff.studies.catalogue import run_study
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cache, Cell
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source
from tests.studies.study_work import dying, where

CELLS = 12  # six variants, two seeds
KILLED_AFTER = 5
SCRIPT = """
import os, signal, sys
from pathlib import Path
from recdiff.studies import catalogue
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.source import Source

perform, calls = catalogue.perform, []

def killing(cell, source):
    if len(calls) == {killed_after}:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(cell)
    return perform(cell, source)

catalogue.perform = killing
budget = Budget(quick=True, seeds=(0, 1), epochs=2, trials=1, repeats=1, resamples=50)
catalogue.run_study("ablation", Source(Path(sys.argv[1])), Path(sys.argv[2]), budget, jobs=1, command="test")
"""


def study(source: Source, out: Path, budget: Budget) -> bytes:
    outcome = run_study("ablation", source, out, budget, jobs=1, command="test")
    return outcome.files[0].read_bytes()


def test_a_killed_study_continues(
    source: Source, out: Path, budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study(source, tmp_path / "uninterrupted", budget)
    paths = os.pathsep.join(sys.path)
    script = SCRIPT.format(killed_after=KILLED_AFTER)
    command = [sys.executable, "-c", script, str(source.folder), str(out)]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode == -signal.SIGKILL
    assert len(list((out / "cells").glob("*.json"))) == KILLED_AFTER
    assert not list(out.glob("*.csv"))

    perform, computed = catalogue.perform, []

    def counting(cell: Cell, given: Source) -> Mapping[str, Any]:
        computed.append(cell)
        return perform(cell, given)

    monkeypatch.setattr(catalogue, "perform", counting)
    assert study(source, out, budget) == whole
    assert len(computed) == CELLS - KILLED_AFTER
    assert study(source, out, budget) == whole
    assert len(computed) == CELLS - KILLED_AFTER


def test_cells_are_shared_out_and_measured_ones_stay_alone(source: Source, tmp_path: Path) -> None:
    cells = [Cell("where", {"number": number}, 0, "data") for number in range(4)]
    runner = Runner(source, Cache(tmp_path), where, jobs=2)
    seen: list[tuple[str, int, int]] = []
    results = runner.results([*cells, cells[0]], "stage", lambda *each: seen.append(each))
    assert [result.values["twice"] for result in results] == [0, 2, 4, 6, 0]
    assert os.getpid() not in {result.values["process"] for result in results}
    assert (seen[0], seen[-1]) == (("stage", 0, 4), ("stage", 4, 4))

    measured = [Cell("where", {"number": number}, 1, "data") for number in range(2)]
    results = Runner(source, Cache(tmp_path), where, jobs=1).results(measured, "stage", silent, alone=True)
    assert len({os.getpid(), *(result.values["process"] for result in results)}) == 3
    assert {result.values["threads"] for result in results} == {1}


def test_a_process_that_dies_is_told_in_words(source: Source, tmp_path: Path) -> None:
    runner = Runner(source, Cache(tmp_path), dying, jobs=2)
    with pytest.raises(RecDiffError, match=r"ended abruptly, perhaps for want of memory; run .* fewer --jobs than 1"):
        runner.results([Cell("dying", {}, 0, "data")], "stage", silent)


def test_one_job_computes_here(source: Source, tmp_path: Path) -> None:
    runner = Runner(source, Cache(tmp_path), where, jobs=1)
    assert runner.results([Cell("where", {"number": 1}, 0, "d")], "stage", silent)[0].values["process"] == os.getpid()


def test_what_makes_no_sense_is_refused(source: Source, out: Path, budget: Budget) -> None:
    with pytest.raises(UsageError, match=r"study 'overal': accepted are overall, ablation"):
        run_study("overal", source, out, budget, jobs=1, command="")
    with pytest.raises(UsageError, match=r"--jobs 0: at least one process is needed"):
        run_study("case", source, out, budget, jobs=0, command="")
    with pytest.raises(UsageError, match=r"--seeds 0: at least one seed is needed"):
        Budget.of(True, 0)
    assert not out.exists()


def test_without_matplotlib_nothing_is_computed(
    source: Source, out: Path, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"install it with: pip install '\.\[study\]'"):
        run_study("case", source, out, budget, jobs=1, command="")
    assert not out.exists()
