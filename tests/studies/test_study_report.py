"""Every study writes a tidy table and self-contained figures, and the report holds all of them and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from recdiff.config import Config
from recdiff.errors import ArtifactError, UsageError
from recdiff.machine.progress import Report
from recdiff.settings import configured
from recdiff.studies import catalogue, cleaning, pair_change
from recdiff.studies.catalogue import run_study
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cell, Result
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source
from recdiff.studies.page.figures import canvas
from recdiff.studies.page.findings import Figure, Findings, Summary, read_all, write
from recdiff.studies.page.report import render, write_report
from recdiff.studies.registry import names
from tests.update.quick import QUICK_SCORER

COLUMNS = {
    "overall": {"model", "metric", "k", "mean", "sd", "difference", "low", "high", "p", "settings"},
    "ablation": {"variant", "seed", "metric", "k", "value"},
    "hyperparameters": {"setting", "setting_value", "seed", "metric", "k", "value", "validation"},
    "noise": {"model", "treatment", "kind", "share", "seed", "metric", "k", "value"},
    "efficiency": {"model", "seed", "epoch", "seconds", "validation"},
    "case": {
        "model",
        "src",
        "dst",
        "score_before",
        "score_after",
        "common_friends",
        "shared_items",
        "shared_categories",
    },
    "complexity": {"axis", "users", "interactions", "ties", "width", "seconds", "bytes", "formula_multiplications"},
}
PROVENANCE: dict[str, Any] = {
    "command": "recdiff-sdk study <case>",
    "budget": "Quick run",
    "seeds": [0],
    "finished": "2026-01-01T00:00:00+00:00",
    "cells": 1,
    "cell_seconds": 1.0,
    "machine": {"processor": "p", "cores": 1, "memory_gib": 1.0, "system": "s", "cuda_device": "none"},
    "versions": {"python": "3"},
    "data": {
        "name": "d", "fingerprint": "f", "users": 1, "items": 1, "train": 1, "validation": 1, "test": 1, "ties": 1,
        "directed": False,
    },
}  # fmt: skip


class Here(Runner):
    """A runner that starts no process, so that measuring studies are quick to test."""

    def results(self, cells: Sequence[Cell], stage: str, report: Report, *, alone: bool = False) -> list[Result]:
        return super().results(cells, stage, report)


@pytest.fixture(scope="module")
def folder(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every study."""
    out = tmp_path_factory.mktemp("all")
    budget = Budget(quick=True, seeds=(0,), epochs=2, trials=1, repeats=1, resamples=50)
    quick = configured(Config(), QUICK_SCORER).scorer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "Runner", Here)
        for module in (cleaning, pair_change):
            patch.setattr(module, "ScorerConfig", lambda: quick)
        for name in names():
            run_study(name, source, out, budget, jobs=1, command=f"recdiff-sdk study {name}")
    return out


@pytest.mark.parametrize("name", names())
def test_every_study_writes_a_tidy_table(folder: Path, name: str) -> None:
    table = pacsv.read_csv(folder / f"{name}-tiny.csv")
    assert table.num_rows >= 6
    assert COLUMNS[name] <= set(table.column_names)
    assert not [each for each in table.schema if pa.types.is_nested(each.type)]
    keys = [column for column in table.column_names if column not in ("value", "validation")]
    assert len(table.group_by(keys).aggregate([])) == table.num_rows


@pytest.mark.parametrize("name", names())
def test_every_study_says_something_and_where_it_comes_from(folder: Path, name: str) -> None:
    written = {each.study: each for each in read_all(folder, names())}[name]
    assert all(written.says)
    assert written.figures
    assert written.provenance["command"] == f"recdiff-sdk study {name}"
    assert {"machine", "versions", "seeds", "data", "budget"} <= set(written.provenance)


def test_the_report_needs_nothing_from_elsewhere(folder: Path) -> None:
    page = write_report(folder, names()).read_text(encoding="utf-8")
    links = re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page)
    assert links
    assert not [link for link in links if not link.startswith(("#", "data:"))]
    assert not re.findall(r"<script|<link|<iframe|@import|url\((?!#)", page)
    ids = re.findall(r"\sid=\"([^\"]+)\"", page)
    assert len(ids) == len(set(ids))
    targets = {link[1:] for link in links if link.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", page))
    assert targets <= set(ids)
    for name in names():
        assert f'id="{name}-tiny"' in page


def test_the_report_fits_phones_and_both_colour_schemes(folder: Path) -> None:
    page = write_report(folder, names()).read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "@media (prefers-color-scheme:dark)" in page
    assert page.count('<div class="table"') == page.count("<table>")
    roots = re.findall(r"<svg[^>]*>", page)
    assert len(roots) == page.count("<figure>")
    for root in roots:
        low, high = (int(re.search(rf"{side}-width:(\d+)px", root)[1]) for side in ("min", "max"))
        assert 300 < low < high < 1200
        assert not re.search(r"\s(?:width|height)=", root)
    assert "currentColor" in page
    assert "#010203" not in page


def written_study(out: Path, title: str) -> None:
    summary = Summary(title, ("a", "b"), ((title, "1"),), title)
    figure = Figure("f", title, '<svg width="1pt" height="1pt"></svg>')
    findings = Findings(pa.table({"x": [1]}), (summary,), (figure,), (title,), title=title, question=title)
    write(out, "case", "d", findings, PROVENANCE)


def test_text_is_text_in_the_report(out: Path) -> None:
    written_study(out, "<b>&\"'")
    page = write_report(out, names()).read_text(encoding="utf-8")
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "study &lt;case&gt;" in page


def test_a_report_of_nothing_or_of_damage_is_refused(out: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no study; run one first, e\.g\. recdiff-sdk study overall DATA --out"):
        write_report(out, names())
    written_study(out, "t")
    (out / "case-d-f.svg").unlink()
    with pytest.raises(ArtifactError, match=r"case-d.study.json: damaged or incomplete study .* run the study again"):
        write_report(out, names())


def test_studies_stand_by_data_set_in_the_order_of_the_catalogue(out: Path) -> None:
    written_study(out, "t")
    (one,) = read_all(out, names())
    several = [replace(one, study=study, data=data) for data in ("x", "y") for study in ("overall", "case")]
    page = render(several, {"case-d.csv": b""})
    places = [page.index(f'<section id="{name}"') for name in ("overall-x", "case-x", "overall-y", "case-y")]
    assert places == sorted(places)


def test_pictures_take_the_ink_of_the_page_and_keep_their_text() -> None:
    with canvas("one") as shape:
        shape.axes[0].plot([0, 1], [0, 1], marker="o", label="line")
        shape.axes[0].set_xlabel("a label")
        figure = shape.figure_of("one", "caption")
    assert figure.svg.startswith("<svg")
    assert ">a label<" in figure.svg
    assert "currentColor" in figure.svg
    assert not re.findall(r"#010203|#040506|<metadata|href=\"(?!#one-)", figure.svg)
