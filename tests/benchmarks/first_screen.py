"""What a newcomer sees first, the made-up sample: `python -m tests.benchmarks.first_screen OUT [--seeds 0 1 2 3 4]`.

Per seed of the sample: AUC of a blind fit and of the best simple count, the share of fakes among the first 100 edges,
and the estimated share with its interval beside the true one. OUT/first_screen.json and .md are written.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq

from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.evaluation.heuristics import heuristic_scores
from recdiff.metrics.edges import auc
from recdiff.sample.folder import write_sample
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import one_a_line

FIRST = 100


def main() -> None:
    """Fit the samples asked for and write the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    given = parser.parse_args()
    cells = {}
    for seed in given.seeds:
        cells[str(seed)] = cell(seed)
        print(seed, cells[str(seed)], flush=True)
    (given.out / "first_screen.json").write_text(one_a_line(cells, depth=1))
    (given.out / "first_screen.md").write_text(table(cells))


def cell(seed: int) -> dict[str, float]:
    """Return what a fit of the sample of ``seed`` says and what is true."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "sample"
        write_sample(folder, seed=seed)
        dataset, truth = SocialDataset.read(folder), pq.read_table(folder / "truth.parquet").to_pylist()
    said = {frozenset((row["src"], row["dst"])): row["is_fake"] for row in truth}
    ids = dataset.users.values.to_pylist()
    fake = np.array([said[frozenset((ids[src], ids[dst]))] for src, dst in dataset.edges], bool)
    scorer = fit_scorer(dataset.graph, dataset.train, ScorerConfig(), seed=0)
    counts = heuristic_scores(dataset.graph, dataset.train, np.random.default_rng(0))
    low, high = scorer.interval
    found = {
        "auc": auc(fake, scorer.edge_log_odds),
        "best count": max(auc(fake, -each) for each in counts.values()),
        "first 100": float(fake[np.argsort(-scorer.edge_log_odds)[:FIRST]].mean()),
        "share": scorer.fake_share,
        "low": low,
        "high": high,
        "true": float(fake.mean()),
    }
    return {name: round(value, 4) for name, value in found.items()}


def table(cells: dict[str, dict[str, float]]) -> str:
    """Return the seeds as a page."""
    lines = [
        "# The first screen",
        "",
        "Blind fits of the made-up sample, by `python -m tests.benchmarks.first_screen OUT`.",
        "",
        "| seed | AUC | best count | fakes among the first 100 | estimated share | true share |",
        "|---|---|---|---|---|---|",
    ]
    for seed, found in cells.items():
        lines.append(
            f"| {seed} | {found['auc']:.3f} | {found['best count']:.3f} | {found['first 100']:.2f} "
            f"| {found['share']:.3f} ({found['low']:.2f} to {found['high']:.2f}) | {found['true']:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
