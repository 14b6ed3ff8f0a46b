"""How a study is run, from data folder to files."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recdiff.data.notice import Notice
from recdiff.errors import UsageError
from recdiff.machine.progress import Report, silent
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cache
from recdiff.studies.lab.provenance import data_facts, machine, now, versions
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source
from recdiff.studies.page.figures import require_matplotlib
from recdiff.studies.page.findings import Findings, write
from recdiff.studies.registry import names, study
from recdiff.studies.systems.invited import Invited
from recdiff.studies.tasks import perform

CELLS = "cells"
COMPARES = "overall"
"""The study that compares systems, and takes further ones in."""


@dataclass(frozen=True)
class Outcome:
    """A finished study.

    Attributes:
        findings: what it found.
        files: what was written, the tidy table first.
    """

    findings: Findings
    files: tuple[Path, ...]


def run_study(
    name: str,
    source: Source,
    out: Path,
    budget: Budget,
    *,
    jobs: int,
    command: str,
    report: Report = silent,
    invited: Invited | None = None,
    told: Callable[[Notice], object] | None = None,
) -> Outcome:
    """Run study ``name`` and write its table, figures and text into ``out``.

    Cells that ``out`` already holds are not computed again, so a killed study continues.

    Args:
        jobs: processes at a time.
        command: what the user typed, kept with the result.
        invited: who joins the systems built in; only the study ``COMPARES`` takes anybody in.
        told: is given each notice about the data before anything is computed.

    Raises:
        UsageError: no study has that name, ``jobs`` is below 1, matplotlib is missing, a file of somebody else's is
            in the way, or who is invited cannot be taken in.
        DataError: the data cannot be used.
    """
    invited = invited or Invited()
    _check(name, jobs, invited)
    require_matplotlib()
    theirs = [] if (out / CELLS).is_dir() else sorted(out.glob(f"{name}-{glob.escape(source.name)}[.-]*"))
    if theirs:
        raise UsageError(f"{theirs[0]} is there and no study wrote it, so it is not replaced; name another --out")
    runner = Runner(source, Cache(out / CELLS), perform, jobs)
    bench = Bench(runner, budget, report, invited)
    if told is not None:
        for each in bench.dataset.notices:
            told(each)
    data = data_facts(bench.dataset, source.name, bench.fingerprint)
    asked = study(name)
    try:
        findings = replace(asked.load()(bench), title=asked.title, question=asked.question)
    finally:
        runner.close()
    provenance: dict[str, Any] = {
        "command": command,
        "budget": budget.describe(),
        "quick": budget.quick,
        "seeds": list(budget.seeds),
        "finished": now(),
        "cells": len(bench.used),
        "cell_seconds": sum(bench.used.values()),
        "machine": machine(),
        "versions": versions(),
        "data": data,
    }
    return Outcome(findings, tuple(write(out, name, source.name, findings, provenance)))


def _check(name: str, jobs: int, invited: Invited) -> None:
    """Raise UsageError where no study is asked for that can run."""
    if name not in names():
        raise UsageError(f"study {name!r}: accepted are {', '.join(names())}")
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one process is needed")
    if invited.anyone and name != COMPARES:
        raise UsageError(f"study {name}: --model, --scores and --beside belong to study {COMPARES}")
