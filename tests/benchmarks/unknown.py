"""Fakes of families that the scorer has no kind for: `python -m tests.benchmarks.unknown DATA OUT [--seeds 20 ...]`.

Per data set, family and seed, 20 % of the edges are replaced. The score of a blind fit stands beside the best simple
count, which a user without labels could not have picked. OUT/unknown.json holds every cell, OUT/unknown.md the table.

bought     anybody follows one of a few unpopular users
bots       a few users follow many popular ones
clones     new accounts copy what a user uses, half of the user's friends, and add two others
taste      two who use the same thing
dormant    two who have few friends
cluster    one by degree, and anybody of the same community
friendly   a friend's friend, by the number of ways there
lockstep   new accounts, thirty at a time, that follow half of forty users each
rings      new accounts, twelve at a time, some tied to each other, with three ties outside each
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.evaluation.heuristics import heuristic_scores
from recdiff.graph.adjacency import adjacency
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import asks, kept, one_a_line

SETS = ("ciao", "lastfm")
SHARE = 0.2
COMMUNITIES = 40
Pairs = list[tuple[int, int]]


@dataclass
class Society:
    """What a family draws from: the true graph (U, U), who uses what (U, I), and the number of users so far."""

    friends: sp.csr_matrix
    used: sp.csr_matrix
    rng: np.random.Generator
    size: int
    copied: dict[int, int]

    @property
    def degree(self) -> np.ndarray:
        """How many friends each of the U users has, (U,)."""
        return np.diff(self.friends.indptr)

    def by_degree(self, count: int, power: float = 1.0) -> Int64:
        """Return ``count`` users drawn by a power of their degree."""
        weight = self.degree.astype(float) ** power
        return self.rng.choice(len(weight), count, p=weight / weight.sum())

    def anybody(self, count: int) -> Int64:
        """Return ``count`` users drawn evenly."""
        return self.rng.integers(0, self.friends.shape[0], count)

    def friends_of(self, user: int) -> Int64:
        """Return the friends of ``user``."""
        return np.asarray(self.friends.indices[self.friends.indptr[user] : self.friends.indptr[user + 1]], np.int64)

    def fresh(self, count: int) -> Int64:
        """Return ``count`` new users."""
        self.size += count
        return np.arange(self.size - count, self.size)


def _bought(s: Society, count: int) -> Pairs:
    unpopular = np.flatnonzero(s.degree <= np.median(s.degree))
    targets = s.rng.choice(unpopular, max(5, count // 150), replace=False)
    return list(zip(s.anybody(2 * count), s.rng.choice(targets, 2 * count), strict=True))


def _bots(s: Society, count: int) -> Pairs:
    bots = s.rng.choice(len(s.degree), max(10, len(s.degree) // 50), replace=False)
    return list(zip(s.rng.choice(bots, 3 * count), s.by_degree(3 * count, 1.5), strict=True))


def _clones(s: Society, count: int) -> Pairs:
    found: Pairs = []
    while len(found) < count:
        model, (clone,) = int(s.by_degree(1)[0]), s.fresh(1)
        s.copied[int(clone)] = model
        theirs = s.friends_of(model)
        found += [(clone, each) for each in [*theirs[s.rng.random(len(theirs)) < 0.5], *s.anybody(2)]]
    return found


def _taste(s: Society, count: int) -> Pairs:
    fans = s.used.tocsc()
    items = s.rng.choice(s.used.indices, 3 * count)
    return [tuple(s.rng.choice(fans.indices[fans.indptr[item] : fans.indptr[item + 1]], 2)) for item in items]


def _dormant(s: Society, count: int) -> Pairs:
    few = np.flatnonzero(s.degree <= np.quantile(s.degree, 0.4))
    return list(zip(*s.rng.choice(few, (2, 3 * count)), strict=True))


def _cluster(s: Society, count: int) -> Pairs:
    from scipy.sparse.linalg import svds
    from sklearn.cluster import MiniBatchKMeans

    rows = svds(s.friends.astype(float), k=16, random_state=0)[0]
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    of = MiniBatchKMeans(COMMUNITIES, random_state=0, n_init=3).fit_predict(rows)
    members = [np.flatnonzero(of == each) for each in range(COMMUNITIES)]
    return [(src, s.rng.choice(members[of[src]])) for src in s.by_degree(3 * count)]


def _friendly(s: Society, count: int) -> Pairs:
    first = s.by_degree(4 * count)
    middle = [s.rng.choice(s.friends_of(src)) for src in first]
    return [(src, s.rng.choice(s.friends_of(each))) for src, each in zip(first, middle, strict=True)]


def _lockstep(s: Society, count: int) -> Pairs:
    found: Pairs = []
    while len(found) < count:
        targets = s.rng.choice(len(s.degree), 40, replace=False)
        found += [(new, each) for new in s.fresh(30) for each in targets[s.rng.random(40) < 0.5]]
    return found


def _rings(s: Society, count: int) -> Pairs:
    found: Pairs = []
    while len(found) < count:
        ring = s.fresh(12)
        inner = np.stack(np.triu_indices(12, 1), axis=1)
        found += [tuple(ring[pair]) for pair in inner[s.rng.random(len(inner)) < 0.4]]
        found += [(new, each) for new in ring for each in s.anybody(3)]
    return found


FAMILIES: dict[str, Callable[[Society, int], Pairs]] = {
    "bought": _bought,
    "bots": _bots,
    "clones": _clones,
    "taste": _taste,
    "dormant": _dormant,
    "cluster": _cluster,
    "friendly": _friendly,
    "lockstep": _lockstep,
    "rings": _rings,
}


def attacked(dataset: SocialDataset, family: str, seed: int) -> tuple[Int64, np.ndarray, sp.csr_matrix]:
    """Return the edges (E, 2) with fakes among them, which those are (E,), and who uses what (U, I)."""
    rng, users = np.random.default_rng(seed), len(dataset.users)
    edges = np.unique(np.sort(dataset.edges, axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    society = Society(adjacency(edges, users, directed=False), dataset.train, rng, users, {})
    count = int(SHARE * len(edges))
    known: set[tuple[int, ...]] = set(map(tuple, edges.tolist()))
    fakes: Pairs = []
    for src, dst in FAMILIES[family](society, count):
        pair = (int(min(src, dst)), int(max(src, dst)))
        if pair[0] != pair[1] and pair not in known and len(fakes) < count:
            known.add(pair)
            fakes.append(pair)
    kept_edges = edges[np.sort(rng.permutation(len(edges))[count:])]
    used = sp.lil_matrix((society.size, dataset.train.shape[1]), dtype=np.float32)
    used[:users] = dataset.train
    for clone, model in society.copied.items():
        used[clone] = dataset.train[model]
    return (
        np.concatenate([kept_edges, np.array(fakes)]),
        np.arange(len(kept_edges) + len(fakes)) >= len(kept_edges),
        sp.csr_matrix(used),
    )


def cell(dataset: SocialDataset, family: str, seed: int) -> dict[str, float | str]:
    """Return the AUC of the score and of the best count, its name, and the share of fakes in the first 200."""
    edges, fake, used = attacked(dataset, family, seed)
    users = used.shape[0]
    odds = fit_scorer(SocialGraph(edges, users, False), used, ScorerConfig(), seed=seed).edge_log_odds
    counts = heuristic_scores(SocialGraph(edges, users, False), used, np.random.default_rng(0))
    best, name = max((auc(fake, -each), name) for name, each in counts.items())
    return {
        "score": round(auc(fake, odds), 4),
        "best count": round(best, 4),
        "count": name,
        "first 200": round(float(fake[np.argsort(-odds)[:200]].mean()), 3),
    }


def main() -> None:
    """Run the cells asked for and write the table."""
    given = asks(__doc__, SETS, [20, 21, 22]).parse_args()
    file = given.out / "unknown.json"
    cells = kept(file)
    for seed in given.seeds:
        for name in given.sets:
            dataset = SocialDataset.read(given.data / name)
            for family in FAMILIES:
                cells[f"{name}/{family}/{seed}"] = found = cell(dataset, family, seed)
                print(name, family, seed, found, flush=True)
                file.write_text(one_a_line(cells))
    (given.out / "unknown.md").write_text(table(cells))


def table(cells: dict[str, dict[str, float | str]]) -> str:
    """Return the means over seeds as a page."""
    lines = [
        "# Families that no kind is like",
        "",
        "AUC, means over seeds, by `python -m tests.benchmarks.unknown DATA OUT`; what each family does stands there.",
        "The best count is the one that is best in each cell; nobody without labels knows which one that is.",
        "",
        "| set | family | seeds | score | best count | which | first 200 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, family in dict.fromkeys(tuple(key.split("/")[:2]) for key in cells):
        rows = [each for key, each in cells.items() if key.startswith(f"{name}/{family}/")]
        score, best, first = (
            np.mean([float(row[column]) for row in rows]) for column in ("score", "best count", "first 200")
        )
        which = ", ".join(dict.fromkeys(str(row["count"]) for row in rows))
        lines.append(f"| {name} | {family} | {len(rows)} | {score:.3f} | {best:.3f} | {which} | {first:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
