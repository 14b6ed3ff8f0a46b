"""Small corrupted graphs with blind scores, for what is measured over many of them.

A fit takes half a minute, so there are few fits and many populations: a population is a random part of a fit's edges
with a share of fakes of its own, and each counts as one corruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import scipy.sparse as sp

from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.fakes.drawing import Graph
from recdiff.fakes.injection import draw_from
from recdiff.graph.adjacency import social_adjacency
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.sample.folder import write_sample
from recdiff.scorer.fit import fit_scorer

USERS = 500
KINDS = {
    "planted": (),
    "two-hop": ("two-hop",),
    "walk": ("walk",),
    "degree": ("degree",),
    "farm": ("farm",),
    "camouflage": ("camouflage",),
    "mixed": ("two-hop", "hub", "farm", "uniform"),
    "unknown": ("alike",),
}
"""What is injected. "planted": what the made-up sample brings along; "alike" joins strangers of like taste, as no kind
of the registry does, so nothing was taught about it."""
INJECTED = 0.2


@dataclass(frozen=True, eq=False)
class Scored:
    """A fit's edges: their blind scores (E,) and whether each is a fake (E,)."""

    name: str
    score: np.ndarray
    is_fake: np.ndarray


@dataclass(frozen=True, eq=False)
class _Real:
    """Edges (E, 2) that are taken for real, and what the users have used (U, I)."""

    edges: np.ndarray
    train: sp.csr_matrix
    directed: bool

    @property
    def graph(self) -> SocialGraph:
        """The graph of the edges."""
        return SocialGraph(self.edges, self.train.shape[0], self.directed)


def fits(folder: Path, data: Path | None, seeds: int) -> Iterator[Scored]:
    """Yield every fit: of the made-up sample, and of a part of ciao where ``data`` holds it; kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for source in ("sample", *(("ciao",) if data else ())):
            for kind in KINDS if source == "sample" else [each for each in KINDS if each != "planted"]:
                file = folder / f"{source}-{kind}-{seed}.npz"
                if not file.exists():
                    score, is_fake = _fit(source, kind, seed, data)
                    np.savez(file, score=score, is_fake=is_fake)
                    print(file.name, len(score), round(float(is_fake.mean()), 3), flush=True)
                held = np.load(file)
                yield Scored(file.stem, held["score"].astype(np.float64), held["is_fake"])


def populations(fit: Scored, count: int, rng: np.random.Generator, share: float | None = None) -> Iterator[Scored]:
    """Yield ``count`` random parts of a fit's edges, with the given share of fakes or one from .05 to .3."""
    fake, real = np.flatnonzero(fit.is_fake), np.flatnonzero(~fit.is_fake)
    for _ in range(count):
        wanted = rng.uniform(0.05, 0.3) if share is None else share
        size = 0.9 * min(len(fake) / wanted, len(real) / (1 - wanted))
        rows = [
            rng.choice(each, round(size * part), replace=False) for each, part in ((fake, wanted), (real, 1 - wanted))
        ]
        both = np.concatenate(rows)
        yield Scored(fit.name, fit.score[both], fit.is_fake[both])


def _fit(source: str, kind: str, seed: int, data: Path | None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if kind == "planted":
        dataset, is_fake = sample(seed)
        return _scores(_Real(dataset.edges, dataset.train, dataset.directed), seed), is_fake
    base = _ciao(data, rng) if source == "ciao" and data else _clean_sample(seed)
    edges, is_fake, train = _injected(base, KINDS[kind], rng)
    return _scores(_Real(edges, train, base.directed), seed), is_fake


def _scores(real: _Real, seed: int) -> np.ndarray:
    scorer = fit_scorer(real.graph, real.train, ScorerConfig(), seed=seed)
    return np.asarray(scorer.edge_scores)


def sample(seed: int) -> tuple[SocialDataset, np.ndarray]:
    """Return the made-up sample and whether each of its edges is a fake."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "data"
        write_sample(folder, USERS, seed)
        dataset = SocialDataset.read(folder)
        truth = pq.read_table(folder / "truth.parquet")
    pairs = np.stack([dataset.users.index(truth[end]) for end in ("src", "dst")], axis=1)
    rows = EdgeIndex.of(dataset.graph).rows_of(pairs)
    is_fake = np.zeros(len(dataset.edges), bool)
    is_fake[rows] = truth["is_fake"].to_numpy(zero_copy_only=False)
    return dataset, is_fake


def _clean_sample(seed: int) -> _Real:
    dataset, is_fake = sample(seed)
    return _Real(dataset.edges[~is_fake], dataset.train, dataset.directed)


def _ciao(data: Path, rng: np.random.Generator) -> _Real:
    """Return ``USERS`` users of ciao around one of its users, and what is between them."""
    dataset = SocialDataset.read(data / "ciao")
    both = social_adjacency(dataset.edges, len(dataset.users), directed=False)
    inside = np.zeros(len(dataset.users), bool)
    queue = [int(rng.choice(dataset.edges.ravel()))]
    inside[queue] = True
    for user in queue:
        new = both.indices[both.indptr[user] : both.indptr[user + 1]]
        new = rng.permutation(new[~inside[new]])[: max(0, min(20, USERS - int(inside.sum())))]
        inside[new] = True
        queue.extend(new.tolist())
    place = np.cumsum(inside) - 1
    edges = place[dataset.edges[inside[dataset.edges].all(axis=1)]]
    train = sp.csr_matrix(dataset.train[inside])
    return _Real(edges, sp.csr_matrix(train[:, np.unique(train.indices)]), dataset.directed)


def _injected(
    real: _Real, kinds: tuple[str, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, sp.csr_matrix]:
    """Return the edges with fakes beside them, which are fakes, and the interactions with the fakes' accounts."""
    edges, users, count = real.edges, real.train.shape[0], round(INJECTED / (1 - INJECTED) * len(real.edges))
    parts, graph = [], Graph.of(SocialGraph(edges, users, real.directed))
    for kind in kinds:
        each = count // len(kinds)
        pairs, fresh = (_alike(real, each, rng), 0) if kind == "alike" else draw_from(graph, kind, each, rng)
        parts.append(np.where(pairs >= graph.num_users, pairs - graph.num_users + users, pairs))
        users += fresh
    fakes = np.concatenate(parts)
    all_edges = np.concatenate([edges, fakes])
    _, first = np.unique(pair_keys(all_edges, users, real.directed), return_index=True)
    order = rng.permutation(first)
    train = sp.csr_matrix(sp.vstack([real.train, sp.csr_matrix((users - real.train.shape[0], real.train.shape[1]))]))
    return all_edges[order], order >= len(edges), train.astype(np.float32)


def _alike(real: _Real, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return pairs of strangers that use like things."""
    length = np.sqrt(np.maximum(np.asarray(real.train.sum(axis=1)).ravel(), 1.0))
    alike = sp.diags_array(1.0 / length) @ (real.train @ real.train.T) @ sp.diags_array(1.0 / length)
    pairs = np.stack(np.triu_indices(real.train.shape[0], 1), axis=1)
    weight = np.asarray(alike.todense())[pairs[:, 0], pairs[:, 1]] + 1e-3 * rng.random(len(pairs))
    taken = np.isin(pair_keys(pairs, len(length), False), pair_keys(real.edges, len(length), False))
    pairs, weight = pairs[~taken], weight[~taken]
    best = np.argsort(-weight)[: 4 * count]
    return rng.permutation(pairs[best])[:count]
