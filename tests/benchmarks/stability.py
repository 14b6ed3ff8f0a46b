"""Whether scores stay the same between seeds, and low where nothing was planted.

`python -m tests.benchmarks.stability DATA OUT [--sets NAME ...] [--seeds 0 1 2 3 4]`

Per set: the mean rank correlation (Spearman) of the edges' scores between every two seeds, the estimated share of fakes
with its interval, and the part of the edges that get 0.9 or more. Sets are scored as they are. "sample" is a made-up
one of 500 users, which holds fakes. OUT/stability.json holds every set and OUT/stability.md the table.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import spearmanr

from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.sample.folder import write_sample
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import asks, kept, one_a_line

SETS = ("ciao", "sample", "lastfm", "filmtrust")
SAMPLE = "sample"
SAMPLE_USERS = 500
ALMOST_CERTAIN = 0.9


def main() -> None:
    """Score the sets asked for and write the table."""
    given = asks(__doc__, SETS, [0, 1, 2, 3, 4]).parse_args()
    file = given.out / "stability.json"
    cells = kept(file)
    for name in given.sets:
        cells[name] = cell(dataset_of(name, given.data), given.seeds)
        print(name, cells[name], flush=True)
        file.write_text(one_a_line(cells, depth=1))
    (given.out / "stability.md").write_text(table(cells))


def dataset_of(name: str, data: Path) -> SocialDataset:
    """Return the set ``name`` below ``data``, or the made-up one."""
    if name != SAMPLE:
        return SocialDataset.read(data / name)
    with TemporaryDirectory() as folder:
        write_sample(Path(folder) / SAMPLE, users=SAMPLE_USERS)
        return SocialDataset.read(Path(folder) / SAMPLE)


def cell(dataset: SocialDataset, seeds: list[int]) -> dict[str, float | int | list[float]]:
    """Return what the fits of all ``seeds`` have in common."""
    train = dataset.train if dataset.train.nnz else None
    fitted = [fit_scorer(dataset.graph, train, ScorerConfig(), seed=seed) for seed in seeds]
    correlation = [spearmanr(a.edge_log_odds, b.edge_log_odds).statistic for a, b in combinations(fitted, 2)]
    return {
        "edges": len(dataset.edges),
        "seeds": len(seeds),
        "rank correlation": round(float(np.mean(correlation)), 4),
        "lowest": round(float(np.min(correlation)), 4),
        "share": [round(each.fake_share, 4) for each in fitted],
        "interval": [round(float(np.mean([each.interval[side] for each in fitted])), 4) for side in (0, 1)],
        "almost certain": round(float(np.mean([(each.edge_scores >= ALMOST_CERTAIN).mean() for each in fitted])), 5),
    }


def table(cells: dict[str, dict[str, float | int | list[float]]]) -> str:
    """Return the sets as a page."""
    lines = [
        "# Stability",
        "",
        "Fits of the same edges with several seeds, by `python -m tests.benchmarks.stability DATA OUT`.",
        "",
        "| set | edges | seeds | rank correlation | lowest | share, lowest to highest | interval | 0.9 or more |",
        "|---" * 8 + "|",
    ]
    for name, found in cells.items():
        share, interval = np.asarray(found["share"]), np.asarray(found["interval"])
        lines.append(
            f"| {name} | {found['edges']:,} | {found['seeds']}"
            f" | {found['rank correlation']:.3f} | {found['lowest']:.3f}"
            f" | {share.min():.3f} to {share.max():.3f} | {interval[0]:.2f} to {interval[1]:.2f}"
            f" | {found['almost certain']:.2%} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
