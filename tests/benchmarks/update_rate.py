"""How well and how fast an update scores new edges, beside a fit on everything.

`python -m tests.benchmarks.update_rate DATA OUT [--sets NAME ...] [--seeds 0 1 2 3 4]`

A fifth of a set's edges is replaced by fakes, of another kind for each seed. One edge in a hundred is held out; a model
is fitted on the rest and updated with those, and another one is fitted on everything. Both score what was held out:
AUC, and what the update took from the folder on the disk to the folder on the disk, and without reading and writing.
The recommender of both fits is trained for few steps and without a search, which makes the fit look faster than it is.
OUT/update_rate.json holds every cell and OUT/update_rate.md the table.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import t

from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.fakes.injection import corrupt
from recdiff.metrics.edges import auc
from recdiff.update.grown import updated as updated_fitted
from recdiff.update.versions import update_folder
from tests.benchmarks.lines import asks, kept, one_a_line

SETS = ("lastfm", "ciao")
KINDS = ("uniform", "hub", "degree", "two-hop", "farm")
FAKES, HELD_OUT = 0.2, 0.01
REPEATS = 5


def main() -> None:
    """Measure the sets asked for and write the table."""
    given = asks(__doc__, SETS, [0, 1, 2, 3, 4]).parse_args()
    file = given.out / "update_rate.json"
    cells = kept(file)
    for name in given.sets:
        dataset = SocialDataset.read(given.data / name)
        for seed in given.seeds:
            cells[f"{name} {seed}"] = cell(dataset, seed)
            print(name, seed, cells[f"{name} {seed}"], flush=True)
            file.write_text(one_a_line(cells, depth=1))
            (given.out / "update_rate.md").write_text(table(cells))


def cell(dataset: SocialDataset, seed: int) -> dict[str, Any]:
    """Return AUC and time of an update and of a fit on everything."""
    rng, kind = np.random.default_rng(seed), KINDS[seed % len(KINDS)]
    spoiled = corrupt(dataset.graph, kind=kind, share=FAKES, mode="replace", rng=rng)
    held_out = np.zeros(len(spoiled.edges), bool)
    held_out[rng.choice(len(held_out), round(HELD_OUT * len(held_out)), replace=False)] = True
    new, truth = spoiled.edges[held_out], spoiled.is_fake[held_out]
    with TemporaryDirectory() as place:
        folder = Path(place) / "recdiff-model"
        before = fitted(dataset, spoiled.edges[~held_out], seed)[0]
        before.save(folder)
        whole, computing = [], []
        for _ in range(REPEATS):
            shutil.rmtree(folder.parent / "copy", ignore_errors=True)
            shutil.copytree(folder, folder.parent / "copy" / folder.name)
            start = time.perf_counter()
            update_folder(folder.parent / "copy" / folder.name, frame(new), None)
            whole.append(time.perf_counter() - start)
            start = time.perf_counter()
            updated_fitted(before.fitted_, before.config_, frame(new), None)
            computing.append(time.perf_counter() - start)
        updated = RecDiff.load(folder.parent / "copy" / folder.name)
    refit, seconds = fitted(dataset, spoiled.edges, seed)
    return {
        "kind": kind,
        "edges": len(spoiled.edges),
        "new": len(new),
        "fakes": int(truth.sum()),
        "update": round(auc(truth, scores(updated, new)), 4),
        "refit": round(auc(truth, scores(refit, new)), 4),
        "update seconds": round(median(whole), 3),
        "of them computing": round(median(computing), 3),
        "refit seconds": round(seconds, 1),
        "distance": round(updated.fitted_.calibration["updates"]["distance"], 4),
    }


def fitted(dataset: SocialDataset, edges: np.ndarray, seed: int) -> tuple[RecDiff, float]:
    """Return the model of ``edges`` and the set's interactions, and the seconds of its fit."""
    user, item = (dataset.train + dataset.validation + dataset.test).nonzero()
    interactions = {"user_id": pa.array(user), "item_id": pa.array(item)}
    given = SocialDataset.from_frames(frame(edges), interactions, directed=dataset.directed)
    start = time.perf_counter()
    model = RecDiff(seed=seed, search=False, steps=5, device="cpu").fit(given)
    return model, time.perf_counter() - start


def frame(edges: np.ndarray) -> dict[str, pa.Array]:
    """Return edges (E, 2) as the columns of social.csv."""
    return {"src": pa.array(edges[:, 0]), "dst": pa.array(edges[:, 1])}


def scores(model: RecDiff, edges: np.ndarray) -> np.ndarray:
    """Return the model's scores of its own ``edges``."""
    return np.asarray(model.score_edges(edges[:, 0], edges[:, 1]), np.float64)


def table(cells: dict[str, dict[str, Any]]) -> str:
    """Return the cells as a page, with the mean of each set."""
    lines = [
        "# Updates",
        "",
        "One edge in a hundred, a fifth of them fakes, comes after the fit: AUC of its score by an update and by a fit",
        "on everything, by `python -m tests.benchmarks.update_rate DATA OUT`. Seconds of an update are from the folder",
        "on the disk to the folder on the disk; those of a fit are with a recommender of few steps, so a usual one",
        "takes longer. Distance is between scores of new and of fitted edges, which a model",
        "[watches](../cleaning.md#new-ties-without-another-fit). Of an update the median of five times is shown. The",
        "machine has two cores, and other processes ran beside this one.",
        "",
        "| set, seed | fakes | edges | new | AUC: update | refit | seconds: update | computing | refit | distance |",
        "|---" * 10 + "|",
    ]
    for name, found in cells.items():
        lines.append(
            f"| {name} | {found['kind']} | {found['edges']:,} | {found['new']} | {found['update']:.4f}"
            f" | {found['refit']:.4f} | {found['update seconds']:.3f} | {found['of them computing']:.3f}"
            f" | {found['refit seconds']:.1f} | {found['distance']:.3f} |"
        )
    for name in dict.fromkeys(each.split()[0] for each in cells):
        lines += ["", summary(name, [found for each, found in cells.items() if each.split()[0] == name])]
    return "\n".join(lines) + "\n"


def summary(name: str, found: list[dict[str, Any]]) -> str:
    """Return what the cells of a set say together."""
    gap = np.array([each["update"] - each["refit"] for each in found])
    faster = np.array([each["refit seconds"] / each["update seconds"] for each in found])
    said = f"**{name}**: AUC of the update less that of the refit is {gap.mean():+.4f} on the mean of {len(gap)} seeds"
    if len(gap) > 1:
        half = float(t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap)))
        said += f" (95 % interval {gap.mean() - half:+.4f} to {gap.mean() + half:+.4f})"
    return f"{said}; the update is {np.median(faster):.0f} times as fast ({faster.min():.0f} to {faster.max():.0f})."


if __name__ == "__main__":
    main()
