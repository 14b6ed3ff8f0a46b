"""What a hundred decisions are good for: `python -m tests.benchmarks.decisions OUT [--seeds 0 1 2]`.

Per seed: a blind fit of the made-up sample of 500 users, the 100 most suspicious edges decided by the truth, and a fit
that learns from these decisions. Compared is the part of fakes among the next 100 of the queue: edges 101 to 200 of the
blind fit ("before"), and the 100 most suspicious undecided edges of the second ("after"). OUT/decisions.json holds
every cell and OUT/decisions.md the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from recdiff.config.scorer import ScorerConfig
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.corruptions import sample
from tests.benchmarks.lines import one_a_line

DECIDED = 100


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args()
    cells = {}
    for seed in given.seeds:
        cells[str(seed)] = cell(seed)
        print(seed, cells[str(seed)], flush=True)
    (given.out / "decisions.json").write_text(one_a_line(cells))
    (given.out / "decisions.md").write_text(table(cells))


def cell(seed: int) -> dict[str, float]:
    """Return the precision of the queue before and after decisions, and the AUC of all that is not decided."""
    dataset, is_fake = sample(seed)
    known = np.full(len(is_fake), -1)

    def scored(told: np.ndarray | None) -> np.ndarray:
        drawn = None if told is None else np.zeros(len(told), bool)
        scorer = fit_scorer(dataset.graph, dataset.train, ScorerConfig(), seed=seed, known=told, drawn=drawn)
        return np.asarray(scorer.edge_scores, np.float64)

    before = scored(None)
    queue = np.argsort(-before, kind="stable")
    known[queue[:DECIDED]] = is_fake[queue[:DECIDED]]
    after = scored(known)
    rest = np.flatnonzero(known < 0)
    following = rest[np.argsort(-after[rest], kind="stable")][:DECIDED]
    return {
        "decided": float(is_fake[queue[:DECIDED]].mean()),
        "before": float(is_fake[queue[DECIDED : 2 * DECIDED]].mean()),
        "after": float(is_fake[following].mean()),
        "AUC before": round(auc(is_fake[rest], before[rest]), 4),
        "AUC after": round(auc(is_fake[rest], after[rest]), 4),
        "mean score before": round(float(before.mean()), 4),
        "mean score after": round(float(after.mean()), 4),
    }


def table(cells: dict[str, dict[str, float]]) -> str:
    """Return the cells as a page."""
    columns = list(next(iter(cells.values())))
    lines = [
        "# What a hundred decisions are good for",
        "",
        "Part of fakes among the next 100 of the queue, by `python -m tests.benchmarks.decisions OUT`; see there.",
        "",
        f"| seed | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(f"| {seed} | {' | '.join(f'{found[name]:.3f}' for name in columns)} |" for seed, found in cells.items()),
        f"| mean | {' | '.join(f'{np.mean([found[name] for found in cells.values()]):.3f}' for name in columns)} |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
