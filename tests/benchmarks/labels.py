"""How far a few labels go: `python -m tests.benchmarks.labels DATA OUT [--sets NAME ...] [--seeds 0 1 2]`.

Per set with labels and seed: a fit without labels, one with 20, 50 and 200 labelled edges drawn at random, and
gradient-boosted trees on counts and directions (degrees, common neighbours, Jaccard, resource allocation, whether the
edge is answered, answer rates of both ends) that learn from the same labels. All are judged by AUC on the edges that
the largest draw leaves. OUT/labels.json holds every cell and OUT/labels.md the table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv as pv
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.graph.pairs import common_neighbours
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import asks, kept, one_a_line

SETS = ("bitcoin_alpha", "wiki_rfa", "epinions_signed_core", "hop_sybil")
SIZES = (20, 50, 200)


def main() -> None:
    """Run the sets asked for and write the table."""
    given = asks(__doc__, SETS, [0, 1, 2]).parse_args()
    file = given.out / "labels.json"
    cells = kept(file)
    for name in given.sets:
        dataset = SocialDataset.read(given.data / name)
        label, counts = read_labels(dataset, given.data / name / "labels.tsv"), count_features(dataset)
        for seed in given.seeds:
            cells[f"{name}/{seed}"] = cell(dataset, label, counts, seed)
            print(name, seed, cells[f"{name}/{seed}"], flush=True)
            file.write_text(one_a_line(cells))
    (given.out / "labels.md").write_text(table(cells))


def cell(dataset: SocialDataset, label: NDArray[np.int64], counts: NDArray[np.float64], seed: int) -> dict[str, float]:
    """Return the AUC of each way to score, by how many labels it has."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(np.flatnonzero(label >= 0))
    rest, is_fake = drawn[max(SIZES) :], label == 1
    found = {"blind": auc(is_fake[rest], fitted(dataset, None, seed)[rest])}
    for size in SIZES:
        known = np.full(len(label), -1)
        known[drawn[:size]] = label[drawn[:size]]
        if not 0 < (known == 1).sum() < size:
            continue
        found[f"ours {size}"] = auc(is_fake[rest], fitted(dataset, known, seed)[rest])
        trees = GradientBoostingClassifier(n_estimators=100, learning_rate=0.05, subsample=0.7, random_state=seed)
        trees.fit(counts[drawn[:size]], is_fake[drawn[:size]])
        found[f"trees {size}"] = auc(is_fake[rest], trees.decision_function(counts[rest]))
    return {name: round(float(each), 4) for name, each in found.items()}


def fitted(dataset: SocialDataset, known: NDArray[np.int64] | None, seed: int) -> NDArray[np.float64]:
    """Return the log odds (E,) of a fit with what is ``known`` of the edges."""
    train = dataset.train if dataset.train.nnz else None
    scorer = fit_scorer(dataset.graph, train, ScorerConfig(), seed=seed, known=known)
    return scorer.edge_log_odds


def read_labels(dataset: SocialDataset, file: Path) -> NDArray[np.int64]:
    """Return 1 for each edge (E,) labelled fake, 0 for real ones, -1 for others and for edges within one gang."""
    read = pv.read_csv(file, parse_options=pv.ParseOptions(delimiter="\t"))
    src, dst = (dataset.users.index(read[name]) for name in ("src", "dst"))
    told = np.asarray(read["label"])
    if "sybil_ends" in read.column_names:
        told = np.where(np.asarray(read["sybil_ends"]) < 2, told, 0)
    said = dict(zip(zip(src.tolist(), dst.tolist(), strict=True), told.tolist(), strict=True))
    label = [said.get((a, b), 0) or (0 if dataset.directed else said.get((b, a), 0)) for a, b in dataset.edges.tolist()]
    return np.select([np.array(label) < 0, np.array(label) > 0], [1, 0], -1)


def count_features(dataset: SocialDataset) -> NDArray[np.float64]:
    """Return counts and directions of each edge, (E, 12)."""
    users, (src, dst) = len(dataset.users), dataset.edges.T
    graph = sp.csr_matrix((np.ones(len(src)), (src, dst)), shape=(users, users))
    if not dataset.directed:
        graph = sp.csr_matrix(graph + graph.T)
    both = sp.csr_matrix(((graph + graph.T) > 0).astype(np.float64))
    degree, out, into = (np.asarray(each.sum(axis=1)).ravel() for each in (both, graph, graph.T))
    answered = sp.csr_matrix(graph.multiply(graph.T))
    answers = np.asarray(answered.sum(axis=1)).ravel()
    common = common_neighbours(both, both, dataset.edges)
    shared = common_neighbours(both, both, dataset.edges, 1.0 / np.maximum(degree, 1.0))
    return np.stack(
        [
            degree[src] * degree[dst],
            common,
            common / np.maximum(degree[src] + degree[dst] - common, 1.0),
            shared,
            np.asarray(answered[src, dst]).ravel(),
            *(each[ends] for each in (degree, out, into) for ends in (src, dst)),
            answers[src] / np.maximum(out[src], 1.0),
        ],
        axis=1,
    )


def table(cells: dict[str, dict[str, float]]) -> str:
    """Return the means over seeds as a page."""
    names = ["blind", *(f"{who} {size}" for size in SIZES for who in ("ours", "trees"))]
    how = "AUC, means over seeds, by `python -m tests.benchmarks.labels DATA OUT`; see there for what is compared."
    lines = ["# A few labels", "", how, ""]
    lines += ["| set | seeds | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for name in dict.fromkeys(key.split("/")[0] for key in cells):
        rows = [cell for key, cell in cells.items() if key.split("/")[0] == name]
        values = [[row[each] for row in rows if each in row] for each in names]
        shown = [f"{np.mean(each):.3f}" if each else "-" for each in values]
        lines.append(f"| {name} | {len(rows)} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
