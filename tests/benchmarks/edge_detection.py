"""How well injected fakes are found: `python -m tests.benchmarks.edge_detection DATA OUT [--plan NAME ...]`.

DATA holds the folders ciao, lastfm, yelp_hin and bitcoin_alpha. Every cell (data set, kind, share, seed, variant) is
one fresh corruption, one blind fit, and every heuristic on the same ties. With --gdmsr, GDMSR's confidence in each tie
is judged there too, also in cells that are there already; it learned with these ties as positives. Cells that
OUT/edge_detection.json already holds are not run again, so plans add up; edge_detection.md is written anew from all of
them.

Plans: ciao (kinds x shares 5, 20, 50 %, and the graph as it is), others (lastfm and yelp_hin at 20 %), farm (both
kinds with accounts at 20 %, three data sets), bitcoin (real labels), ablation (the denoiser's variants on ciao),
large (a generated graph of more than a million ties, with the settings such graphs get and with those of small ones).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pv
import scipy.sparse as sp
import torch
from scipy.stats import ttest_1samp

from recdiff.baselines.neural.gdmsr import tie_confidence
from recdiff.baselines.task import Task
from recdiff.config.scorer import FOLDS, EvidenceConfig, ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.evaluation.heuristics import heuristic_scores
from recdiff.fakes.injection import corrupt
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import EdgeMetrics, edge_metrics
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.generated import of_size
from tests.benchmarks.lines import one_a_line

DRAWN = ("uniform", "degree", "two-hop")
WITH_ACCOUNTS = ("farm", "camouflage")
VARIANTS = ("diffusion", "identity", "autoencoder", "none")
ABLATED = ("auc", "average_precision")
LARGE, SLOW = "generated-60000", "slow"
"""A graph of 1.2 million ties, and the settings of smaller ones."""
UNMEASURED = ["Not measured with the scorer as it is."]
PLANS = ("ciao", "others", "farm", "bitcoin", "ablation", "large")
FIRST_SEED = 10
"""Settings were chosen on earlier seeds; of later ones lastfm camouflage of seed 13 was looked at, and 30 to 39."""


@dataclass(frozen=True, order=True)
class Cell:
    """One corruption and one fit; kind "given" is the graph as it is, "labels" its real labels."""

    data: str
    kind: str
    share: float
    seed: int
    variant: str = "diffusion"

    @property
    def name(self) -> str:
        return "/".join(str(each) for each in asdict(self).values())


def plan(name: str, seeds: int) -> Iterator[Cell]:
    """Yield the cells of one plan."""
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        if name == "ciao":
            yield Cell("ciao", "given", 0.0, seed)
            yield from (Cell("ciao", kind, share, seed) for share in (0.2, 0.5, 0.05) for kind in DRAWN)
        elif name == "others":
            yield from (Cell(data, kind, 0.2, seed) for data in ("lastfm", "yelp_hin") for kind in DRAWN)
        elif name == "farm":
            yield from (
                Cell(data, kind, 0.2, seed) for data in ("ciao", "lastfm", "yelp_hin") for kind in WITH_ACCOUNTS
            )
        elif name == "bitcoin":
            yield Cell("bitcoin_alpha", "labels", 0.0, seed)
        elif name == "large":
            for kind, share in (("degree", 0.5), ("uniform", 0.2)):
                yield from (Cell(LARGE, kind, share, seed, variant) for variant in (VARIANTS[0], SLOW))
        else:
            for share, kind in product((0.2, 0.5), DRAWN):
                yield from (Cell("ciao", kind, share, seed, variant) for variant in VARIANTS[1:])


def _corrupted(cell: Cell, root: Path) -> tuple[SocialGraph, sp.csr_matrix | None, np.ndarray | None]:
    """Return the graph of a cell, its interactions and which edges are fake, None where nobody knows."""
    dataset = _large() if cell.data == LARGE else SocialDataset.read(root / cell.data, seed=0)
    graph, is_fake = dataset.graph, None
    if cell.kind == "labels":
        is_fake = _distrusted(dataset, root / cell.data / "labels.tsv")
    elif cell.kind != "given":
        rng = np.random.default_rng(cell.seed)
        made = corrupt(graph, kind=cell.kind, share=cell.share, mode="replace", rng=rng)
        graph, is_fake = made.graph, made.is_fake
    train = _widened(dataset.train, graph.num_users) if dataset.train.nnz else None
    return graph, train, is_fake


def run_gdmsr(cell: Cell, root: Path) -> dict[str, float]:
    """Measure GDMSR's confidence on the ties of a cell with known fakes and interactions; else nothing."""
    graph, train, is_fake = _corrupted(cell, root)
    if train is None or is_fake is None:
        return {}
    confidence = tie_confidence(Task(train, graph, lambda score: 0.0, seed=1000 + cell.seed))
    return _plain(edge_metrics(is_fake, -confidence, False))


def run(cell: Cell, root: Path) -> dict[str, Any]:
    """Corrupt, fit blind, and measure scorer and heuristics."""
    graph, train, is_fake = _corrupted(cell, root)
    config = ScorerConfig()
    if cell.variant == SLOW:
        config = replace(config, folds=FOLDS, continued=False)
    else:
        config = replace(config, evidence=EvidenceConfig(denoising=cell.variant))  # type: ignore[arg-type]
    start = time.perf_counter()
    scorer = fit_scorer(graph, train, config, seed=1000 + cell.seed)
    seconds = time.perf_counter() - start
    found = {"seconds": seconds, "estimated_share": scorer.fake_share, "shares": scorer.shares}
    found |= {"spread": _spread(scorer.denoised)}
    if is_fake is None:
        return found
    found["scorer"] = _plain(edge_metrics(is_fake, scorer.edge_scores))
    if cell.variant == "diffusion":
        floor = heuristic_scores(graph, train, np.random.default_rng(0))
        found["heuristics"] = {name: _plain(edge_metrics(is_fake, -each, False)) for name, each in floor.items()}
    return found


@cache
def _large() -> SocialDataset:
    return of_size(int(LARGE.removeprefix("generated-")))


def _distrusted(dataset: SocialDataset, file: Path) -> np.ndarray:
    """Return which edges are labelled -1, (E,) bool; labels serve for nothing else."""
    table = pv.read_csv(file, parse_options=pv.ParseOptions(delimiter="\t"))
    src, dst = (dataset.users.index(table[name]) for name in ("src", "dst"))
    label = dict(zip(zip(src.tolist(), dst.tolist(), strict=True), table["label"].to_pylist(), strict=True))
    return np.array([label[int(a), int(b)] < 0 for a, b in dataset.edges])


def _widened(train: sp.csr_matrix, users: int) -> sp.csr_matrix:
    """Return ``train`` with an empty row for each account that fakes brought along."""
    return sp.vstack([train, sp.csr_matrix((users - train.shape[0], train.shape[1]), dtype=train.dtype)]).tocsr()


def _spread(rows: np.ndarray) -> dict[str, float]:
    """Return mean pairwise cosine and effective rank of embeddings; empty where there are none."""
    if not rows.size:
        return {}
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    count = len(unit)
    cosine = (np.square(unit.sum(axis=0)).sum() - count) / (count * (count - 1))
    power = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
    share = power / power.sum()
    return {"mean_cosine": float(cosine), "effective_rank": float(np.exp(-(share * np.log(share + 1e-12)).sum()))}


def _plain(metrics: EdgeMetrics) -> dict[str, float]:
    names = ("auc", "average_precision", "base_rate", "precision_at_k", "recall_at_1_percent", "calibration_error")
    return {name: getattr(metrics, name) for name in names}


def report(cells: dict[str, dict[str, Any]]) -> str:
    """Return the tables of all cells as Markdown: means over seeds, and standard deviations of the AUC."""
    groups: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for name, found in cells.items():
        data, kind, share, _, variant = name.split("/")
        groups.setdefault((data, kind, share, variant), []).append(found)
    lines = [
        "# Finding fake edges",
        "",
        "Made by `python -m tests.benchmarks.edge_detection`; fakes replace a share of the ties.",
        "",
    ]
    lines += [
        "AUC, AP, precision and recall: means over seeds, each a fresh corruption. The scorer is blind to kind and"
    ]
    lines += ["share. ECE: expected calibration error. Share: estimated by the scorer.", ""]
    lines += ["| data | kind | share | variant | seeds | AUC | AP | P@k | R@1 % | ECE | est. share | best heuristic |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += [_line(*key, found) for key, found in sorted(groups.items())]
    lines += ["", "## Every heuristic (AUC)", "", *_heuristic_table(groups)]
    lines += _gdmsr_table(groups)
    lines += [
        "",
        "## What the diffusion gives",
        "",
        *_ablation_table(cells),
        "",
        "## Settings of large graphs",
        "",
        *_large_table(cells),
        "",
        "## Spread of denoised embeddings",
        "",
    ]
    lines += ["Mean pairwise cosine (1 = collapsed) and effective rank, ciao, diffusion, mean over all cells.", ""]
    spread = [
        found["spread"] for key, each in groups.items() if key[0] == "ciao" and key[3] == VARIANTS[0] for found in each
    ]
    if spread:
        lines += [f"Cosine {np.mean([s['mean_cosine'] for s in spread]):.3f}, "]
        lines[-1] += f"effective rank {np.mean([s['effective_rank'] for s in spread]):.1f}."
    return "\n".join(lines) + "\n"


def _line(data: str, kind: str, share: str, variant: str, found: list[dict[str, Any]]) -> str:
    front = f"| {data} | {kind} | {float(share):.0%} | {variant} | {len(found)} |"
    estimate = _mean([each["estimated_share"] for each in found])
    if "scorer" not in found[0]:
        return f"{front} | | | | | {estimate} | |"
    auc = [each["scorer"]["auc"] for each in found]
    rest = " | ".join(
        _mean([each["scorer"][name] for each in found])
        for name in ("average_precision", "precision_at_k", "recall_at_1_percent", "calibration_error")
    )
    best = ""
    if all("heuristics" in each for each in found):
        means = {name: np.mean([e["heuristics"][name]["auc"] for e in found]) for name in found[0]["heuristics"]}
        name = max(means, key=lambda each: means[each])
        best = f"{means[name]:.3f} {name}"
    return f"{front} {np.mean(auc):.4f}\u00a0±\u00a0{np.std(auc):.4f} | {rest} | {estimate} | {best} |"


def _heuristic_table(groups: dict[tuple[str, str, str, str], list[dict[str, Any]]]) -> list[str]:
    rows = [(key, found) for key, found in sorted(groups.items()) if all("heuristics" in each for each in found)]
    if not rows:
        return []
    names = list(dict.fromkeys(name for _, found in rows for name in found[0]["heuristics"]))
    lines = [f"| data | kind | share | {' | '.join(names)} |", "|---" * (3 + len(names)) + "|"]
    for (data, kind, share, _), found in rows:
        values = [
            _mean([each["heuristics"][name]["auc"] for each in found]) if name in found[0]["heuristics"] else "-"
            for name in names
        ]
        lines.append(f"| {data} | {kind} | {float(share):.0%} | {' | '.join(values)} |")
    return lines


def _gdmsr_table(groups: dict[tuple[str, str, str, str], list[dict[str, Any]]]) -> list[str]:
    """Return the AUC of GDMSR's confidence beside that of the scorer, over the seeds that have both."""
    lines = []
    for (data, kind, share, variant), cells in sorted(groups.items()):
        found = [each for each in cells if each.get("gdmsr")]
        if variant == VARIANTS[0] and found:
            pairs = [(each["scorer"]["auc"], each["gdmsr"]["auc"]) for each in found]
            ours, theirs = (_mean(list(side)) for side in zip(*pairs, strict=True))
            line = f"| {data} | {kind} | {float(share):.0%} | {len(found)} | {ours} | {theirs} | {_gap(pairs)} |"
            lines.append(line)
    if not lines:
        return []
    text = "GDMSR's confidence in a tie, learned with these ties as positives, same corruptions; gain: paired, 95 %."
    head = ["| data | kind | share | seeds | scorer | GDMSR | gain |", "|---|---|---|---|---|---|---|"]
    return ["", "## Beside GDMSR (AUC)", "", text, "", *head, *lines]


def _ablation_table(cells: dict[str, dict[str, Any]]) -> list[str]:
    """Return what the whole scorer gains over each of its variants, paired by corruption."""
    if all(name.endswith(f"/{VARIANTS[0]}") for name in cells):
        return UNMEASURED
    return [
        "Gain of the whole scorer over each variant on the same corruptions of ciao: mean and 95 % interval (paired t",
        "over seeds). identity: the unconditional denoiser is replaced by the posterior mean under a normal prior, the",
        "condition is trained as before; autoencoder: one noise level in training; none: no evidence from denoising.",
        "",
        *_gains(cells, "ciao"),
    ]


def _large_table(cells: dict[str, dict[str, Any]]) -> list[str]:
    """Return what the settings of large graphs gain over the others where they apply, and both times."""
    if not any(name.startswith(LARGE) for name in cells):
        return UNMEASURED
    seconds = [
        f"{title} {np.mean([each['seconds'] for each in found]):.0f} s"
        for title, variant in (("a fit takes", VARIANTS[0]), ("with the settings of small graphs", SLOW))
        if (found := [each for name, each in cells.items() if name.startswith(LARGE) and name.endswith(variant)])
    ]
    return [
        "Graphs with more than a million ties are encoded in three folds, not ten, and their second round continues",
        "from the eigenvectors of the first and alone takes evidence. Gain over the settings of small graphs (slow)",
        "on a generated graph of",
        f"60,000 users and 1.2 million ties, paired as above; on average {', '.join(seconds)}.",
        "",
        *_gains(cells, LARGE),
    ]


def _gains(cells: dict[str, dict[str, Any]], data: str) -> list[str]:
    """Return a table of the whole scorer's gain over every variant on the same corruptions of ``data``."""
    pairs: dict[tuple[str, str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for name, cell in cells.items():
        of, kind, share, seed, variant = name.split("/")
        whole = cells.get("/".join((of, kind, share, seed, VARIANTS[0])))
        if of == data and variant != VARIANTS[0] and whole is not None:
            pairs.setdefault((kind, share, variant), []).append((whole, cell))
    lines = ["| kind | share | gain over | seeds | AUC | AP |", "|---|---|---|---|---|---|"]
    for (kind, share, variant), found in sorted(pairs.items()):
        gaps = [_gap([tuple(each["scorer"][name] for each in pair) for pair in found]) for name in ABLATED]
        lines.append(f"| {kind} | {float(share):.0%} | {variant} | {len(found)} | {' | '.join(gaps)} |")
    return lines


def _gap(pairs: Sequence[tuple[float, ...]]) -> str:
    """Return the mean difference of pairs and its 95 % interval, as text."""
    gain = np.array([ours - theirs for ours, theirs in pairs])
    if len(gain) < 2:
        return f"{gain.mean():+.4f}"
    interval = ttest_1samp(gain, 0.0).confidence_interval()
    return f"{gain.mean():+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--plan", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gdmsr", action="store_true", help="judge GDMSR's confidence on the same ties")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    file = given.out / "edge_detection.json"
    cells: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    todo = [cell for name in given.plan for cell in plan(name, given.seeds) if cell.name not in cells]
    for cell in sorted(todo, key=lambda each: each.seed):
        cells[cell.name] = run(cell, given.data)
        shown = cells[cell.name].get("scorer", {"auc": float("nan"), "calibration_error": float("nan")})
        print(
            f"{cell.name}: AUC {shown['auc']:.4f} ECE {shown['calibration_error']:.3f} "
            f"share {cells[cell.name]['estimated_share']:.3f} in {cells[cell.name]['seconds']:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        _write(cells, given.out)
    if not given.gdmsr:
        return
    for cell in (cell for name in given.plan for cell in plan(name, given.seeds)):
        if cell.variant == VARIANTS[0] and "gdmsr" not in cells[cell.name]:
            found = cells[cell.name]["gdmsr"] = run_gdmsr(cell, given.data)
            print(f"{cell.name}: GDMSR AUC {found.get('auc', float('nan')):.4f}", file=sys.stderr, flush=True)
            _write(cells, given.out)


def _write(cells: dict[str, dict[str, Any]], out: Path) -> None:
    (out / "edge_detection.json").write_text(one_a_line(cells, depth=1) + "\n", encoding="utf-8")
    (out / "edge_detection.md").write_text(report(cells), encoding="utf-8")


if __name__ == "__main__":
    main()
