"""The default, which may be a blend, against its recommender alone and the best of the simple members.

    python -m tests.benchmarks.blend DATA CACHE [--datasets ciao,lastfm] [--seeds 3]

DATA holds the data set folders. Everything is chosen on validation; test is judged once a seed, by what learned from
training interactions alone. Each fit is a file in CACHE: a killed run continues. Writes docs/benchmarks/blend.json and
blend.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recdiff.blend.blend import BUILDERS, counts
from recdiff.blend.choice import MOST_ITEMS, SETTINGS
from recdiff.blend.names import EASE, OURS, POPULARITY
from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.machine.progress import silent
from recdiff.metrics.ranking import Score, rank
from recdiff.metrics.significance import paired_bootstrap
from recdiff.ranked import fit_ranked
from tests.benchmarks.lines import one_a_line

DATASETS = ("ciao", "lastfm", "filmtrust")
JUDGED = ("recall@20", "ndcg@20")
DEFAULT, MEMBER = "default", "best member"
REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "blend"
HEAD = """\
# Blend

Test metrics, mean ± sd over {seeds} seeds, all items ranked, training items masked, of what learned from training
interactions alone. *default* is what `fit` delivers, *recdiff* its recommender without members, *best member* the
simple member that validation likes best, alone. Weights, settings and epochs were chosen on validation. The last
columns are the default's gain: paired bootstrap over users, 10,000 resamples, seeds averaged.
"""


def members(dataset: SocialDataset) -> dict[str, Score]:
    """Return the members, each with the settings that validation likes best of it alone."""
    train, found = dataset.train, dict[str, Score]()
    for name, build in BUILDERS.items():
        if name == EASE and train.shape[1] > MOST_ITEMS:
            continue
        tables = [build(train, **settings) for settings in SETTINGS[name]]
        scores: list[Score] = [lambda users, table=table: table.score(train[users]) for table in tables]  # type: ignore[misc]
        found[name] = max(scores, key=lambda score: validated(score, dataset))
    popular = counts(train)
    found[POPULARITY] = lambda users: np.repeat(popular[None], len(users), axis=0)
    return found


def validated(score: Score, dataset: SocialDataset) -> float:
    means = rank(score, dataset.train, dataset.validation, (20,)).means()
    return sum(means[name] for name in JUDGED)


def compute(dataset: SocialDataset, seed: int) -> dict[str, Any]:
    """Fit and judge once: the test values of each user, and what was chosen."""
    start = time.perf_counter()
    made = fit_ranked(Config(seed=seed), dataset, torch.device("cpu"), None, trainer=None, report=silent)
    seconds = time.perf_counter() - start
    assert made.recommender is not None
    simple = members(dataset)
    best = max(simple, key=lambda name: validated(simple[name], dataset))
    own = made.recommender.score
    judged: Mapping[str, Score] = {
        DEFAULT: own if made.blend is None else made.blend.over(own, dataset.train),
        OURS: own,
        MEMBER: simple[best],
    }
    values = {name: rank(score, dataset.train, dataset.test, (20,)).values for name, score in judged.items()}
    return {
        "users": {name: {each: found[each].tolist() for each in JUDGED} for name, found in values.items()},
        "chosen": made.chosen["blend"],
        "best": best,
        "seconds": round(seconds, 1),
    }


def row(name: str, fits: list[dict[str, Any]]) -> dict[str, Any]:
    """Return figures of one system over the seeds, and what the default gains over it."""
    values = {each: np.array([fit["users"][name][each] for fit in fits]) for each in JUDGED}
    means = {each: found.mean(axis=1) for each, found in values.items()}
    said: dict[str, Any] = {"system": name, "seeds": len(fits)}
    said |= {each: {"mean": float(found.mean()), "sd": float(found.std())} for each, found in means.items()}
    if name != DEFAULT:
        ours = {each: np.array([fit["users"][DEFAULT][each] for fit in fits]) for each in JUDGED}
        said["gain"] = {each: asdict(paired_bootstrap(ours[each], values[each])) for each in JUDGED}
    return said


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as lines of Markdown."""
    lines = ["| system | recall@20 | ndcg@20 | default minus this: recall@20 | ndcg@20 |", "|---|---|---|---|---|"]
    for each in rows:
        cells = [f"{each[name]['mean']:.4f}\u00a0±\u00a0{each[name]['sd']:.4f}" for name in JUDGED]
        gains = [
            f"{gain['mean']:+.4f}\u00a0[{gain['low']:+.4f},\u00a0{gain['high']:+.4f}] p\u00a0{gain['p']:.4f}"
            for gain in each.get("gain", {}).values()
        ]
        lines.append(f"| {' | '.join([each['system'], *cells, *(gains or ['', ''])])} |")
    return lines


def chosen(fits: list[dict[str, Any]]) -> list[str]:
    """Return what was chosen with each seed as lines of Markdown."""
    lines = ["| seed | weights | gain on validation ± standard error | best member | seconds of the fit |"]
    lines.append("|---|---|---|---|---|")
    for seed, fit in enumerate(fits):
        facts = fit["chosen"]
        weights = ", ".join(f"{name} {each['weight']:.2g}" for name, each in facts["members"].items() if each["weight"])
        gain = f"{facts['gain']:+.4f}\u00a0±\u00a0{facts['standard_error']:.4f}"
        lines.append(f"| {seed} | {weights} | {gain} | {fit['best']} | {fit['seconds']:.0f} |")
    return lines


def write(found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write the page and its figures."""
    seeds = len(next(iter(found.values())))
    lines, plain = [HEAD.format(seeds=seeds)], {}
    for name, fits in found.items():
        rows = [row(system, fits) for system in (DEFAULT, OURS, MEMBER)]
        lines += [f"## {name}\n", *table(rows), "", *chosen(fits), ""]
        told = [{key: fit[key] for key in ("chosen", "best", "seconds")} for fit in fits]
        plain[name] = {"rows": rows, "fits": told}
    REPORT.with_suffix(".md").write_text("\n".join(lines))
    REPORT.with_suffix(".json").write_text(one_a_line(plain) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--datasets", default=",".join(DATASETS))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in given.datasets.split(","):
        dataset = SocialDataset.read(given.data / name, seed=0)
        for seed in range(given.seeds):
            file = given.cache / f"{name}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(compute(dataset, seed)))
                print(name, seed, json.loads(file.read_text())["seconds"], "s", flush=True)
            found.setdefault(name, []).append(json.loads(file.read_text()))
        write(found)


if __name__ == "__main__":
    main()
