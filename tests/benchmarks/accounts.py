"""Account scores and groups beside simple baselines: `python -m tests.benchmarks.accounts DATA OUT [--cases ...]`.

Cases: ten rings (``rings.plant_rings``) in a made-up graph and in the ties of ciao and epinions, all without
interactions; one farm (``rings.plant_farm``), and the farm and camouflage of ``recdiff.fakes``, in ciao, lastfm and
yelp_hin, with interactions; and the accounts of hop_sybil. Blind, with 25 fake and 25 real accounts labelled, and with
50 fake ones: those figures are of accounts without a label. Baselines: degree, mean edge score, an isolation forest on
degree, friends' degrees, items and triangles, and the trust that walks from labelled real accounts leave (SybilRank).

OUT/accounts.json holds every cell, OUT/accounts.md the table and OUT/cells the fits; a case without its data is left
out. With --shapes the weights of ``recdiff.groups.shape`` are fitted again, on blocks of ciao and made-up graphs with
planted rings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.csv as pv
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression

from recdiff.accounts.scores import Accounts, Evidence, group_scores, judge_accounts, most_fake
from recdiff.arrays import Float64, Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.fakes.injection import corrupt
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours
from recdiff.graph.social_graph import SocialGraph
from recdiff.groups.blocks import find_blocks
from recdiff.groups.shape import FAINTEST, LEAST, MOST, shape_of
from recdiff.metrics.edges import auc
from recdiff.sample.society import make_society
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import kept, one_a_line
from tests.benchmarks.rings import Planted, plant_farm, plant_rings

RINGS, MADE_UP, FARM_SHARE = 10, 8_000, 0.2
LABELS = 25
FIRST = 20
"""Groups that are looked at."""
FALSE_ALARMS = 0.01
HARDER_DENSITY, HARDER_CAMOUFLAGE = 0.2, 0.6
"""Of the rings that weights are learned from."""
CASES = (
    "rings generated", "rings ciao", "rings epinions",
    "dense-farm ciao", "farm ciao", "camouflage ciao",
    "dense-farm lastfm", "farm lastfm", "camouflage lastfm",
    "dense-farm yelp_hin", "farm yelp_hin", "camouflage yelp_hin",
    "accounts hop_sybil",
)  # fmt: skip
Graph = tuple[Evidence, Int64, float]
"""What accounts are judged by, each one's ring (-1: none), and the upper end of the share of fake edges."""


def main() -> None:
    """Run the cases asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--shapes", action="store_true")
    given = parser.parse_args()
    if given.shapes:
        print(shapes(given.data))
        return
    file = given.out / "accounts.json"
    cells = kept(file)
    for case in given.cases:
        if not case.endswith("generated") and not (given.data / case.split()[1]).is_dir():
            continue
        for seed in given.seeds:
            cells[f"{case}/{seed}"] = cell(*fitted(given.out / "cells", case, given.data, seed), seed=seed)
            print(case, seed, cells[f"{case}/{seed}"], flush=True)
            file.write_text(one_a_line(cells))
    (given.out / "accounts.md").write_text(table(cells))


def fitted(folder: Path, case: str, data: Path, seed: int) -> Graph:
    """Return what ``spoiled`` does, kept in ``folder``: accounts are judged anew without another fit."""
    file = folder / f"{case.replace(' ', '-')}-{seed}.npz"
    if not file.exists():
        evidence, ring, high = spoiled(case, data, seed)
        folder.mkdir(parents=True, exist_ok=True)
        graph, items = evidence.graph, evidence.items
        np.savez(
            file,
            edges=graph.edges,
            directed=np.array(graph.directed),
            ring=ring,
            scores=evidence.scores,
            high=np.array(high),
            indices=items.indices,
            indptr=items.indptr,
            data=items.data,
            shape=np.array(items.shape),
        )
    held = np.load(file)
    items = sp.csr_matrix((held["data"], held["indices"], held["indptr"]), shape=tuple(held["shape"]))
    graph = SocialGraph(held["edges"], len(held["ring"]), bool(held["directed"]))
    return Evidence(graph, held["scores"], items), held["ring"], float(held["high"])


def spoiled(case: str, data: Path, seed: int) -> Graph:
    """Return a case."""
    kind, name = case.split()
    rng = np.random.default_rng(seed)
    if name == "generated":
        society = make_society(MADE_UP, rng)
        return _scored(plant_rings(society.edges, society.size, RINGS, False, rng), False, None, seed)
    dataset = SocialDataset.read(data / name)
    users, directed = len(dataset.users), dataset.directed
    if kind == "rings":
        return _scored(plant_rings(dataset.edges, users, RINGS, directed, rng), directed, None, seed)
    if kind == "accounts":
        read = pv.read_csv(data / name / "accounts.tsv", parse_options=pv.ParseOptions(delimiter="\t"))
        position = dataset.users.index(read["user_id"])
        ring = np.full(users, -1)
        ring[position[position >= 0]] = np.where(np.asarray(read["label"])[position >= 0] < 0, 0, -1)
        return _scored(Planted(dataset.edges, ring, np.arange(users)), directed, dataset.train, seed)
    if kind == "dense-farm":
        made = plant_farm(dataset.edges, users, FARM_SHARE, rng)
    else:
        found = corrupt(
            SocialGraph(dataset.edges, users, directed), kind=kind, share=FARM_SHARE, mode="replace", rng=rng
        )
        place = rng.permutation(found.num_users)
        ring = np.full(found.num_users, -1)
        ring[place[users:]] = 0
        made = Planted(place[found.edges], ring, place)
    return _scored(made, directed, _moved(dataset.train, made), seed)


def _moved(train: sp.csr_matrix, made: Planted) -> sp.csr_matrix:
    """Return the interactions with users where they were dealt to; planted accounts use nothing."""
    entries = train.tocoo()
    shape = (len(made.ring), train.shape[1])
    return sp.csr_matrix((entries.data, (made.place[entries.row], entries.col)), shape=shape, dtype=np.float32)


def _scored(made: Planted, directed: bool, train: sp.csr_matrix | None, seed: int) -> Graph:
    users = len(made.ring)
    scorer = fit_scorer(SocialGraph(made.edges, users, directed), train, ScorerConfig(), seed=seed)
    items = sp.csr_matrix((users, 0), dtype=np.float32) if train is None else train
    return Evidence(SocialGraph(made.edges, users, directed), scorer.edge_scores, items), made.ring, scorer.interval[1]


def cell(evidence: Evidence, ring: Int64, high: float, seed: int) -> dict[str, float]:
    """Return the figures of one case: AUC of each way, recall at few false alarms, rings among the first groups."""
    fake, begin = ring >= 0, time.process_time()
    blind = judge_accounts(evidence)
    found = {"seconds": time.process_time() - begin, "rings found": rings_found(blind, ring), "rings": ring.max() + 1}
    ways: dict[str, Float64] = {"ours": blind.log_odds, **baselines(evidence, seed)}
    for name, score in ways.items():
        found |= {name: auc(fake, score), f"{name} recall": recall(fake, score)}
    found["expected share"], found["true share"] = float(blind.score.mean()), float(fake.mean())
    found["most share"] = most_fake(blind, evidence, high)
    rng = np.random.default_rng(seed)
    for name, real in (("25+25 labels", LABELS), ("50 fakes labelled", 0)):
        known = np.full(len(fake), -1)
        fakes = min(2 * LABELS - real, int(fake.sum()) // 2)
        known[rng.choice(np.flatnonzero(fake), fakes, replace=False)] = 1
        known[rng.choice(np.flatnonzero(~fake), real, replace=False)] = 0
        rest = known < 0
        found[name] = auc(fake[rest], judge_accounts(replace(evidence, known=known)).log_odds[rest])
        if real:
            found["trust walks"] = auc(fake[rest], trust(evidence, known)[rest])
    return {name: round(float(value), 4) for name, value in found.items()}


def recall(fake: NDArray[np.bool_], score: Float64) -> float:
    """Return the share of fakes above all but ``FALSE_ALARMS`` of the real accounts."""
    return float((score[fake] > np.quantile(score[~fake], 1 - FALSE_ALARMS)).mean())


def rings_found(accounts: Accounts, ring: Int64) -> int:
    """Return how many rings have one of the first groups to themselves: most of its members, and most of theirs."""
    groups = accounts.groups
    first = np.lexsort((-groups.size, -np.round(group_scores(accounts), 2)))[:FIRST]
    hit = set()
    for group in first:
        members = groups.member == group
        number = int(np.bincount(ring[members] + 1).argmax()) - 1
        if number >= 0 and (members & (ring == number)).sum() > 0.5 * max(members.sum(), (ring == number).sum()):
            hit.add(number)
    return len(hit)


def baselines(evidence: Evidence, seed: int) -> dict[str, Float64]:
    """Return what needs no labels: degree, mean edge score, and an isolation forest."""
    degree = np.maximum(evidence.degree, 1).astype(np.float64)
    users = len(degree)
    total = np.bincount(evidence.edges.ravel(), np.repeat(evidence.scores, 2), minlength=users)
    graph = adjacency(evidence.edges, users, directed=False)
    common = common_neighbours(graph, graph, evidence.edges)
    triangles = np.bincount(evidence.edges.ravel(), np.repeat(common, 2), minlength=users)
    near = np.asarray(graph @ degree).ravel() / degree
    features = np.stack([degree, near, evidence.used, triangles / degree], axis=1)
    forest = IsolationForest(random_state=seed).fit(np.log1p(features))
    return {
        "degree": degree,
        "mean edge score": total / degree,
        "isolation forest": -forest.score_samples(np.log1p(features)),
    }


def trust(evidence: Evidence, known: Int64) -> Float64:
    """Return how little trust short walks from the labelled real accounts leave at each account, by its degree."""
    users = len(known)
    graph = adjacency(evidence.edges, users, directed=False)
    degree = np.maximum(np.diff(graph.indptr), 1).astype(np.float64)
    here = (known == 0) / max((known == 0).sum(), 1)
    for _ in range(int(np.ceil(np.log2(users)))):
        here = np.asarray(graph @ (here / degree)).ravel()
    return np.asarray(-here / degree)


def shapes(data: Path) -> dict[str, float]:
    """Return the weights of a regression on the shapes of blocks that are rings, and of others."""
    x, y = [], []
    sources: list[Callable[[np.random.Generator], tuple[Int64, int]]] = [_made_up(4_000)] * 4 + [_made_up(20_000)]
    if (data / "ciao").is_dir():
        ciao = SocialDataset.read(data / "ciao")
        sources += [lambda _: (ciao.edges, len(ciao.users))] * 8
    for seed, source in enumerate(sources):
        for with_targets in (False, True):
            rng = np.random.default_rng(seed)
            graph = source(rng)
            made = plant_rings(
                *graph,
                2 * RINGS,
                False,
                rng,
                with_targets=with_targets,
                least_density=HARDER_DENSITY,
                most_camouflage=HARDER_CAMOUFLAGE,
            )
            block = find_blocks(SocialGraph(made.edges, len(made.ring), False))
            there = block >= 0
            share = np.bincount(block[there], made.ring[there] >= 0) / np.bincount(block[there])
            shape = shape_of(block, SocialGraph(made.edges, len(block), False))
            odds = logit(np.clip(shape.within, LEAST, MOST))
            fading = np.log(np.maximum(shape.fading, FAINTEST))
            x.append(np.stack([odds, fading, shape.closed, shape.uneven], axis=1)[(share < 0.1) | (share > 0.5)])
            y.append(share[(share < 0.1) | (share > 0.5)] > 0.5)
    model = LogisticRegression(C=0.1).fit(np.concatenate(x), np.concatenate(y))
    weights = dict(zip(("within", "fading", "closed", "uneven"), model.coef_[0].tolist(), strict=True))
    return {name: round(float(value), 2) for name, value in {"intercept": model.intercept_[0], **weights}.items()}


def _made_up(users: int) -> Callable[[np.random.Generator], tuple[Int64, int]]:
    def make(rng: np.random.Generator) -> tuple[Int64, int]:
        society = make_society(users, rng)
        return society.edges, society.size

    return make


def table(cells: dict[str, dict[str, float]]) -> str:
    """Return the means over seeds as a page."""
    names = [
        "ours",
        "25+25 labels",
        "50 fakes labelled",
        "mean edge score",
        "degree",
        "isolation forest",
        "trust walks",
    ]
    lines = ["# Accounts", "", "AUC of accounts, means over seeds, by `python -m tests.benchmarks.accounts DATA OUT`."]
    lines += ["Recall is the share of fakes found where one real account in a hundred is taken for one."]
    columns = ["case", "seeds", *names, "recall", "recall by mean edge score", "rings found", "seconds"]
    lines += ["", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for case in dict.fromkeys(key.split("/")[0] for key in cells):
        rows = [value for key, value in cells.items() if key.split("/")[0] == case]
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        shown = [f"{mean[name]:.3f}" for name in names]
        rings = f"{mean['rings found']:.1f} of {mean['rings']:.0f}" if case.startswith("rings") else "-"
        lines.append(
            f"| {case} | {len(rows)} | "
            + " | ".join(shown)
            + f" | {mean['ours recall']:.3f} | {mean['mean edge score recall']:.3f} | {rings} | {mean['seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
