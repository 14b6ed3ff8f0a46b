"""Does cleaning help a recommender? The same model on corrupted, cleaned, randomly thinned and true graphs, paired.

    python -m tests.benchmarks.cleaning_use DATA CACHE [--models recdiff,lightgcn-ties] [--seeds 5]

For every kind and share of injected fakes and every seed, the graph is corrupted afresh, scored blind, and the
recommender is trained on each version of the ties with fixed settings; epochs are chosen on validation, test is read
once per fit. Results are cells in CACHE, so a killed run continues. Writes docs/benchmarks/cleaning_use.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recdiff.arrays import Float32, Int64
from recdiff.baselines import Task, baseline, validation_judge
from recdiff.config.recommender import RecommenderConfig
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.fakes.injection import corrupt
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Ranking, by_tables, rank
from recdiff.metrics.significance import paired_bootstrap
from recdiff.recommender.fit import fit_recommender
from recdiff.scorer.fit import fit_scorer
from recdiff.version import VERSION
from tests.benchmarks.lines import one_a_line

Ties = tuple[Int64, Float32]

METRICS = ("recall@20", "ndcg@20")
CASES: tuple[tuple[str, float], ...] = (("uniform", 0.2), ("uniform", 0.5), ("degree", 0.5), ("two-hop", 0.5))
THRESHOLD = 0.5
REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "cleaning_use"


@lru_cache(maxsize=1)
def versions(dataset: SocialDataset, kind: str | None, share: float, seed: int) -> dict[str, Ties]:
    """Return the ties and weights that the recommender is trained on, by name.

    Ties dealt to other users and no ties at all do not depend on fakes: they are measured on the given graph only.
    """
    rng = np.random.default_rng(seed)
    users = len(dataset.users)
    graph, is_fake = SocialGraph(dataset.edges, users, directed=False), None
    if kind is not None:
        made = corrupt(graph, kind=kind, share=share, mode="replace", rng=rng)
        graph, is_fake = made.graph, made.is_fake
    edges = graph.edges
    score = fit_scorer(graph, dataset.train, ScorerConfig(), seed=seed).edge_scores
    removed = score >= THRESHOLD
    thinned = np.ones(len(edges), bool)
    thinned[rng.choice(len(edges), int(removed.sum()), replace=False)] = False
    found = {
        "as given": plain(edges),
        "cleaned": plain(edges[~removed]),
        "weighted": (edges, 1.0 - score),
        "random": plain(edges[thinned]),
    }
    if is_fake is not None:
        return found | {"true": plain(edges[~is_fake])}
    return found | {"shuffled": plain(rng.permutation(users)[edges]), "none": plain(edges[:0])}


def plain(edges: Int64) -> Ties:
    """Return ``edges`` with weight 1 each."""
    return edges, np.ones(len(edges), np.float32)


def ours(dataset: SocialDataset, ties: Ties, seed: int) -> Ranking:
    """Fit the default recommender with fixed settings and judge it on test."""
    config = RecommenderConfig(search=False)
    made = fit_recommender(
        config,
        dataset.train,
        graph=SocialGraph(ties[0], len(dataset.users), False),
        validation=dataset.validation,
        seed=seed,
        edge_weight=ties[1],
    )
    tables = made.recommender
    return rank(by_tables(tables.user_table, tables.item_table), dataset.train, dataset.test, (20,))


def lightgcn(dataset: SocialDataset, ties: Ties, seed: int) -> Ranking:
    """Fit LightGCN over interactions and ties and judge it on test."""
    judge = validation_judge(dataset.train, dataset.validation)
    task = Task(dataset.train, SocialGraph(ties[0], len(dataset.users), False), judge, seed, ties[1])
    score = baseline("lightgcn-ties").fit(task, layers=2, regularisation=1e-2, tie_weight=0.3)
    return rank(score, dataset.train, dataset.test, (20,))


MODELS: dict[str, Callable[[SocialDataset, Ties, int], Ranking]] = {"recdiff": ours, "lightgcn-ties": lightgcn}


def measure(dataset: SocialDataset, cache: Path, model: str, kind: str | None, share: float, seed: int) -> None:
    """Measure every version of the ties for one model, kind, share and seed, unless it lies in the cache."""
    cell = cache / f"{model}-{kind}-{share}-{seed}.json"
    if cell.exists():
        return
    found: dict[str, Any] = {}
    for name, ties in versions(dataset, kind, share, seed).items():
        ranking = MODELS[model](dataset, ties, seed)
        found[name] = {metric: ranking.values[metric].tolist() for metric in METRICS}
        means = {metric: round(value, 4) for metric, value in ranking.means().items() if metric in METRICS}
        print(model, kind, share, seed, name, len(ties[0]), means, flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    cell.with_suffix(".tmp").write_text(json.dumps(found))
    cell.with_suffix(".tmp").replace(cell)


def summary(cache: Path, models: list[str], seeds: int) -> list[dict[str, Any]]:
    """Return one row per model, case and version: means over seeds and the paired difference from "as given"."""
    rows = []
    for model in models:
        for kind, share in ((None, 0.0), *CASES):
            files = [cache / f"{model}-{kind}-{share}-{seed}.json" for seed in range(seeds)]
            cells = [json.loads(file.read_text()) for file in files if file.exists()]
            for name in cells[0] if cells else ():
                row: dict[str, Any] = {"model": model, "kind": kind, "share": share, "ties": name, "seeds": len(cells)}
                for metric in METRICS:
                    values, given, thinned = (
                        np.array([cell[each][metric] for cell in cells]) for each in (name, "as given", "random")
                    )
                    row[metric] = float(values.mean())
                    row[f"{metric} sd"] = float(values.mean(axis=1).std(ddof=1)) if len(cells) > 1 else None
                    row[f"{metric} gain"] = vars(paired_bootstrap(values, given))
                    row[f"{metric} over random"] = vars(paired_bootstrap(values, thinned))
                rows.append(row)
    return rows


def write(rows: list[dict[str, Any]]) -> None:
    """Write the report as JSON and as a page."""
    facts = {
        "recdiff": VERSION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threshold": THRESHOLD,
    }
    REPORT.with_suffix(".json").write_text(one_a_line({"about": facts, "rows": rows}) + "\n")
    lines = [
        "# Use of cleaned edges",
        "",
        "Ciao, test Recall@20 and NDCG@20: the same recommender, same settings, on different versions of the ties.",
        f"`cleaned` leaves out ties with fake_score >= {THRESHOLD} (scored blind), `weighted` keeps all with weight",
        "1 - fake_score, `random` leaves out as many at random, `true` only the injected fakes, `shuffled` deals the",
        "ties to other users. Gains over `as given` and over `random`: paired bootstrap over users, seeds averaged,",
        "95 % intervals.",
        "",
        "| model | fakes | ties | seeds | "
        + " | ".join(f"{name} | gain | p | over random | p" for name in METRICS)
        + " |",
        "|---" * 14 + "|",
    ]
    for row in rows:
        case = "none injected" if row["kind"] is None else f"{row['kind']} {row['share']:.0%}"
        cells = [row["model"], case, row["ties"], str(row["seeds"])]
        for metric in METRICS:
            cells.append(f"{row[metric]:.4f}")
            for than in ("gain", "over random"):
                gap = row[f"{metric} {than}"]
                cells += [f"{gap['mean']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]", f"{gap['p']:.4f}"]
        lines.append("| " + " | ".join(cells) + " |")
    REPORT.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure what is missing and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--models", default="recdiff")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    dataset = SocialDataset.read(chosen.data)
    models = chosen.models.split(",")
    for seed in range(chosen.seeds):
        for kind, share in ((None, 0.0), *CASES):
            for model in models:
                measure(dataset, chosen.cache, model=model, kind=kind, share=share, seed=seed)
                write(summary(chosen.cache, models, chosen.seeds))


if __name__ == "__main__":
    main()
