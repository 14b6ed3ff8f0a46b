"""What times of edges are good for: `python -m tests.benchmarks.edge_times DATA OUT [--sets NAME ...] [--seeds 0 ...]`.

Per set and seed, AUC of a blind fit without the times and of one with them. bitcoin_alpha has times and labels of its
own. Of the other sets a twentieth of the edges are fakes: fifteen accounts at a time, each of which uses what some user
does, follow eight users each, out of ten that they share, within a day, and three times as many others at any time,
which are fakes too. Real edges of these sets come about evenly over three years. OUT/edge_times.json holds every cell
and OUT/edge_times.md the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.csv as pv
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64, Mask
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.labels import read_labels
from tests.benchmarks.lines import asks, kept, one_a_line

LABELLED = "bitcoin_alpha"
SETS = (LABELLED, "ciao", "lastfm")
SHARE = 0.05
TOGETHER, TARGETS, FOLLOWED, COVER = 15, 10, 8, 24
DAY, YEARS = 86_400.0, 3 * 365


@dataclass(frozen=True)
class Case:
    """A graph, who uses what (U, I) or None, when its edges came about (E,), and which of them are fakes (E,)."""

    graph: SocialGraph
    train: sp.csr_matrix | None
    times: Float64
    fake: Mask


def main() -> None:
    """Run the cells asked for and write the table."""
    given = asks(__doc__, SETS, [0, 1, 2, 3, 4]).parse_args()
    file = given.out / "edge_times.json"
    cells = kept(file)
    for name in given.sets:
        for seed in given.seeds:
            case = labelled(given.data) if name == LABELLED else in_bursts(given.data / name, seed)
            cells[f"{name}/{seed}"] = found = cell(case, seed)
            print(name, seed, found, flush=True)
            file.write_text(one_a_line(cells))
    (given.out / "edge_times.md").write_text(table(cells))


def labelled(data: Path) -> Case:
    """Return the labelled set, whose labels are distrust."""
    file = data / LABELLED / "labels.tsv"
    dataset = SocialDataset.read(data / LABELLED)
    read = pv.read_csv(file, parse_options=pv.ParseOptions(delimiter="\t"))
    pairs = np.stack([dataset.users.index(read[end]) for end in ("src", "dst")], axis=1)
    rows, times = EdgeIndex.of(dataset.graph).rows_of(pairs), np.full(len(dataset.edges), np.nan)
    times[rows] = read["timestamp"].to_numpy()
    return Case(dataset.graph, None, times, read_labels(dataset, file) == 1)


def in_bursts(folder: Path, seed: int) -> Case:
    """Return the set in ``folder`` with accounts that follow the same users within a day."""
    dataset, rng = SocialDataset.read(folder), np.random.default_rng(seed)
    real = np.unique(np.sort(dataset.edges, axis=1), axis=0)
    users, size = len(dataset.users), TOGETHER * (FOLLOWED + COVER)
    parts, times = [], []
    for group in range(max(1, round(SHARE * len(real) / size))):
        accounts = users + group * TOGETHER + np.arange(TOGETHER)
        shared, day = rng.choice(users, TARGETS, replace=False), rng.random() * YEARS * DAY
        for account in accounts:
            others = np.setdiff1d(rng.choice(users, COVER, replace=False), shared)
            theirs = rng.choice(shared, FOLLOWED, replace=False)
            parts.append(np.stack([np.append(theirs, others), np.full(FOLLOWED + len(others), account)], axis=1))
            times += [day + rng.random(FOLLOWED) * DAY, rng.random(len(others)) * YEARS * DAY]
    fakes: Int64 = np.concatenate(parts)
    total = users + TOGETHER * (group + 1)
    train = sp.csr_matrix(sp.vstack([dataset.train, dataset.train[rng.integers(0, users, total - users)]]))
    fake = np.arange(len(real) + len(fakes)) >= len(real)
    when = np.concatenate([rng.random(len(real)) * YEARS * DAY, *times])
    return Case(SocialGraph(np.concatenate([real, fakes]), total, False), train, when, fake)


def cell(case: Case, seed: int) -> dict[str, float]:
    """Return the AUC without times and with them."""
    found = {}
    for name, times in (("without", None), ("with", case.times)):
        scorer = fit_scorer(case.graph, case.train, ScorerConfig(), seed=seed, times=times)
        found[name] = round(auc(case.fake, scorer.edge_log_odds), 4)
    return found


def table(cells: dict[str, dict[str, float]]) -> str:
    """Return the means over seeds as a page."""
    lines = [
        "# Times of edges",
        "",
        "AUC of blind fits without times of edges and with them, means over seeds and the lowest gain, by",
        "`python -m tests.benchmarks.edge_times DATA OUT`; what is planted stands there.",
        "",
        "| set | seeds | without | with | lowest gain |",
        "|---" * 5 + "|",
    ]
    for name in dict.fromkeys(key.split("/")[0] for key in cells):
        several = [found for key, found in cells.items() if key.startswith(f"{name}/")]
        without, timed = (np.array([each[way] for each in several]) for way in ("without", "with"))
        lines.append(
            f"| {name} | {len(several)} | {without.mean():.3f} | {timed.mean():.3f} | {(timed - without).min():+.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
