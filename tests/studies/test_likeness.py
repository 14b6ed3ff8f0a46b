"""Users are as alike as what a system would give them, and the systems asked are those that validation likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.machine.progress import silent
from recdiff.studies import likeness
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cache, Cell
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source
from recdiff.studies.likeness import LIKENESS, ask_systems, likeness_says, likeness_summary, profiles, run_likeness


@pytest.mark.parametrize(("block", "items"), [(3, 100), (256, 6)])
def test_profiles_are_scores_less_what_all_users_get(block: int, items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "BLOCK", block)
    monkeypatch.setattr(likeness, "ITEMS", items)
    scores = np.random.default_rng(0).normal(size=(7, 9)) + np.arange(9)
    found = profiles(lambda users: scores[users].astype(np.float32), (7, 9), np.random.default_rng(1))
    chosen = sorted(np.random.default_rng(1).permutation(9)[:items])
    for user in range(7):
        row = [scores[user, item] - np.mean(scores[:, item]) for item in chosen]
        np.testing.assert_allclose(found[user], np.array(row) / np.linalg.norm(row), atol=1e-5)


def test_a_cell_compares_the_users_of_pairs_ties_and_strangers(source: Source) -> None:
    dataset = source.read()
    pairs = [[int(a), int(b)] for a, b in dataset.edges]
    settings = {"model": "lightgcn", "settings": {"layers": 2, "regularisation": 1e-3}, "epochs": 2, "pairs": pairs}
    found = run_likeness(Cell(LIKENESS, settings, 0, "d"), source)
    assert np.mean(found["cosines"]) == pytest.approx(found["ties"])
    assert found["below"] == [np.mean(np.array(found["cosines"]) < each) for each in found["cosines"]]
    assert sum(found["of_ties"]) == len(pairs)
    assert 0 < sum(found["of_strangers"]) <= likeness.RANDOM_PAIRS
    assert all(-1.001 < each < 1.001 for each in [*found["cosines"], found["strangers"]])
    turned = run_likeness(Cell(LIKENESS, settings | {"pairs": [pairs[3][::-1]]}, 0, "d"), source)
    assert turned["cosines"] == pytest.approx([found["cosines"][3]])


def test_systems_are_asked_once_about_each_tie_with_the_settings_validation_likes(
    source: Source, tmp_path: Path, budget: Budget
) -> None:
    asked: list[Cell] = []

    def work(cell: Cell, given: Source) -> Mapping[str, Any]:
        if cell.task != LIKENESS:
            return {"validation": -abs(cell.settings["settings"]["regularisation"] - 0.01)}
        asked.append(cell)
        cosines = [0.1 * first + second for first, second in cell.settings["pairs"]]
        return {"cosines": cosines, "below": [0.25] * len(cosines), "ties": 0.5, "strangers": 0.125}

    bench = Bench(Runner(source, Cache(tmp_path), work, 1), replace(budget, trials=8), silent)
    others = ask_systems(bench, [(4, 2), (1, 0), (4, 2)])
    assert [cell.settings["model"] for cell in asked] == ["kcgn", "mhcn"] == [each.model for each in others]
    assert {cell.settings["settings"]["regularisation"] for cell in asked} == {0.01}
    assert others[0].found == {(1, 0): (0.1, 0.25), (4, 2): (2.4, 0.25)}
    chosen = {"ours": [("a – b", (4, 2)), ("c – d", (1, 0))]}
    rows = likeness_summary(others, chosen).rows
    assert rows[0] == ("ours", "a – b", "2.400 (25%)", "2.400 (25%)")
    assert rows[-1] == ("–", "mean of random pairs of users", "0.125", "0.125")
    said = likeness_says(others, chosen)
    assert "In KCGN the users of a tie have a mean cosine of 0.500, random pairs 0.125; those of the ties" in said
    assert "ties that ours changes most 1.250." in said
