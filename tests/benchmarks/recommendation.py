"""All recommenders on all data sets: tuned on validation with one budget, judged on test over several seeds.

    python -m tests.benchmarks.recommendation DATA CACHE [--datasets ciao,lastfm] [--models lightgcn,ease] [--seeds 5]

DATA holds the data set folders. Each result is a cell in CACHE, named by the hash of what it depends on: a killed run
continues, and several runs may share a cache. Writes docs/benchmarks/recommendation.{json,md} from all cells there are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch

from recdiff.baselines import BASELINES, Task, baseline, validation_judge
from recdiff.data.dataset import SocialDataset
from recdiff.machine.progress import silent
from recdiff.metrics.ranking import Score, rank
from recdiff.metrics.significance import paired_bootstrap
from recdiff.recommender.fit import SEARCH, RecommenderConfig, fit_recommender
from tests.benchmarks.lines import one_a_line

OURS = "recdiff"
DATASETS = ("ciao", "lastfm", "yelp_hin")
JUDGED = ("recall@20", "ndcg@20")
SHOWN = ("recall@20", "ndcg@20", "precision@20", "hit_rate@20", "recall@10", "ndcg@10", "recall@40", "ndcg@40")
REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "recommendation"


@dataclass(frozen=True)
class Cell:
    """One fit: a trial judged on validation, or (``final``) a seed judged on test."""

    dataset: str
    model: str
    settings: str
    seed: int
    final: bool

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Bench:
    """Data and cache of a run."""

    data: Path
    cache: Path

    def cell(self, cell: Cell) -> dict[str, Any]:
        """Return the result of ``cell``, computed where the cache lacks it."""
        file = self.cache / f"{cell.key}.json"
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text())
            return found
        start = time.perf_counter()
        result = {"cell": asdict(cell), **compute(self.data, cell), "seconds": time.perf_counter() - start}
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(result))
        temporary.replace(file)
        print(
            cell.dataset,
            cell.model,
            cell.settings,
            cell.seed,
            result["means"],
            f"{result['seconds']:.0f} s",
            flush=True,
        )
        return result


@cache
def load(folder: Path) -> SocialDataset:
    return SocialDataset.read(folder, seed=0)


def compute(data: Path, cell: Cell) -> dict[str, Any]:
    """Fit and judge; per-user values of final fits are kept for the paired tests."""
    dataset = load(data / cell.dataset)
    score, chosen = fit(dataset, cell.model, json.loads(cell.settings), cell.seed)
    held = dataset.test if cell.final else dataset.validation
    ranking = rank(score, dataset.train, held)
    kept = {name: ranking.values[name].tolist() for name in JUDGED} if cell.final else {}
    return {
        "means": {name: round(value, 6) for name, value in ranking.means().items()},
        "users": kept,
        "chosen": chosen,
    }


def fit(dataset: SocialDataset, model: str, settings: dict[str, Any], seed: int) -> tuple[Score, dict[str, Any]]:
    if model == OURS:
        config = RecommenderConfig(**settings)
        arrays = (dataset.train, dataset.graph, dataset.validation)
        fitted = fit_recommender(config, *arrays, seed, report=silent)
        return fitted.recommender.score, asdict(fitted.config)
    judge = validation_judge(dataset.train, dataset.validation)
    task = Task(dataset.train, dataset.graph, judge, seed)
    return baseline(model).fit(task, **settings), settings


def candidates(model: str) -> list[dict[str, Any]]:
    return [{}] if model == OURS else baseline(model).candidates()


def run_model(bench: Bench, dataset: str, model: str, seeds: int) -> None:
    """Tune with seed 0, then fit the chosen settings with every seed; a model without chance needs one."""
    trials = [Cell(dataset, model, json.dumps(each), 0, False) for each in candidates(model)]
    results = [bench.cell(trial) for trial in trials]
    value = [sum(result["means"][name] for name in JUDGED) for result in results]
    chosen = json.dumps(results[int(np.argmax(value))]["chosen"])
    chance = model == OURS or baseline(model).seeded
    for seed in range(seeds if chance else 1):
        bench.cell(Cell(dataset, model, chosen, seed, True))


def collect(cache_folder: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the final results as dataset -> model -> one per seed."""
    table: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for file in sorted(cache_folder.glob("*.json")):
        result = json.loads(file.read_text())
        if result["cell"]["final"]:
            models = table.setdefault(result["cell"]["dataset"], {})
            models.setdefault(result["cell"]["model"], []).append(result)
    return table


def summary(models: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return one row per model, each compared with ours and ours with the best baseline."""
    rows = [_row(model, results) for model, results in models.items()]
    if OURS in models:
        for row in (each for each in rows if each["model"] != OURS):
            row["ours_minus_this"] = {
                name: asdict(paired_bootstrap(_users(models[OURS], name), _users(models[row["model"]], name)))
                for name in JUDGED
            }
    return rows


def _row(model: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = {name: [result["means"][name] for result in results] for name in SHOWN}
    return {
        "model": model,
        "seeds": sorted(result["cell"]["seed"] for result in results),
        "settings": json.loads(results[0]["cell"]["settings"]),
        "mean": {name: float(np.mean(each)) for name, each in values.items()},
        "sd": {name: float(np.std(each, ddof=1)) if len(each) > 1 else 0.0 for name, each in values.items()},
        "seconds": float(np.mean([result["seconds"] for result in results])),
    }


def _users(results: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([result["users"][name] for result in results])


def markdown(report: dict[str, Any]) -> str:
    """Return the report as tables."""
    lines = ["# Recommendation", "", report["how"], ""]
    for dataset, rows in report["datasets"].items():
        lines += [
            f"## {dataset}",
            "",
            "| model | seeds | " + " | ".join(SHOWN[:4]) + " | recdiff minus this: recall@20 | ndcg@20 |",
        ]
        lines += ["|---|---|---|---|---|---|---|---|"]
        lines += [_line(row) for row in rows] + [""]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    cells = [f"{row['mean'][name]:.4f}\u00a0±\u00a0{row['sd'][name]:.4f}" for name in SHOWN[:4]]
    gaps = row.get("ours_minus_this", {})
    shown = [
        f"{d['mean']:+.4f}\u00a0[{d['low']:+.4f},\u00a0{d['high']:+.4f}] p\u00a0{d['p']:.4f}" for d in gaps.values()
    ] or ["", ""]
    return f"| {row['model']} | {len(row['seeds'])} | " + " | ".join(cells + shown) + " |"


def with_others(rows: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``rows`` and those of ``known`` whose models they lack, best first."""
    found = {row["model"] for row in rows}
    both = [*rows, *(row for row in known if row["model"] not in found)]
    return sorted(both, key=lambda row: -float(row["mean"]["recall@20"]))


def write_report(cache_folder: Path) -> None:
    """Write what the cache holds; models and data sets that it lacks stay as the last report has them."""
    file = REPORT.with_suffix(".json")
    datasets = json.loads(file.read_text())["datasets"] if file.exists() else {}
    for dataset, models in collect(cache_folder).items():
        datasets[dataset] = with_others(summary(models), datasets.get(dataset, []))
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    how = (
        "Test metrics, mean ± sd over seeds; all items ranked, training items masked, mean over users with test items. "
        "Settings (at most 8 per baseline) and epochs were chosen on validation with seed 0; test was judged once a "
        "seed. The last columns are recdiff's gain: paired bootstrap over users, 10,000 resamples, seeds averaged."
    )
    report = {
        "how": how,
        "versions": {**versions, "torch": torch.__version__},
        "search": [list(each) for each in SEARCH],
        "datasets": dict(sorted(datasets.items())),
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(one_a_line(report, depth=3) + "\n")
    REPORT.with_suffix(".md").write_text(markdown(report))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    names: Callable[[str], list[str]] = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--datasets", type=names, default=list(DATASETS))
    parser.add_argument("--models", type=names, default=[OURS, *(each.name for each in BASELINES)])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    for dataset in options.datasets:
        for model in options.models:
            run_model(Bench(options.data, options.cache), dataset, model, options.seeds)
            write_report(options.cache)


if __name__ == "__main__":
    main()
