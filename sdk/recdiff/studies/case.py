"""Study: the tied pairs whose similarity denoising changes most, with what surrounds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recdiff.dataset import SocialDataset
from recdiff.studies.bench import Bench
from recdiff.studies.cell import Cell
from recdiff.studies.ego import Ego, draw, ego_of
from recdiff.studies.figures import COLOURS, canvas, legend_below
from recdiff.studies.findings import Figure, Findings, Summary
from recdiff.studies.item_categories import read_categories
from recdiff.studies.pair_change import PAIRS
from recdiff.studies.tidy import table_of

TITLE = "Case study"
QUESTION = (
    "Which ties does the published model's denoising change most, measured by the cosine of the two users' social "
    "embeddings, and what do their neighbourhoods and shared items look like?"
)
# Mean cosine of random pairs above which all users have become alike.
ALIKE = 0.99
MOST_ITEMS = 3

Categories = Mapping[int, tuple[str, ...]] | None


@dataclass(frozen=True)
class Case:
    """A tie with its surroundings.

    Attributes:
        names: raw ids of the two users.
        before, after: cosine of their social embeddings.
        ego: the friends around them.
        shared: positions of the training items of both.
        shared_categories: how many categories both users have training items in; None where unknown.
    """

    names: tuple[str, str]
    before: float
    after: float
    ego: Ego
    shared: tuple[int, ...]
    shared_categories: int | None


def run(bench: Bench) -> Findings:
    """Fit once, with the first seed, and look at the pairs."""
    dataset, seed = bench.dataset, bench.budget.seeds[0]
    cell = Cell(PAIRS, {"epochs": bench.budget.epochs}, seed, bench.fingerprint)
    values = bench.results([cell], "case")[0].values
    categories = read_categories(bench.source.folder, dataset.items)
    cases = [_case(dataset, pair, categories) for pair in values["pairs"]]
    table = table_of([_row(case, dataset, categories, seed) for case in cases])
    figures = (_egos(cases), _before_and_after(values), _cosines(values))
    return Findings(TITLE, QUESTION, table, (_summary(cases, dataset, categories),), figures, _says(cases, values))


def _case(dataset: SocialDataset, pair: Mapping[str, Any], categories: Categories) -> Case:
    first, second = pair["ends"]
    names = [str(name) for name in dataset.users.take([first, second]).to_pylist()]
    items = [
        dataset.train.indices[dataset.train.indptr[user] : dataset.train.indptr[user + 1]] for user in (first, second)
    ]
    shared = np.intersect1d(*items)
    about = None
    if categories is not None:
        known = [{category for item in part for category in categories.get(int(item), ())} for part in items]
        about = len(known[0] & known[1])
    ego = ego_of(dataset.edges, (first, second))
    return Case((names[0], names[1]), pair["before"], pair["after"], ego, tuple(map(int, shared)), about)


def _row(case: Case, dataset: SocialDataset, categories: Categories, seed: int) -> dict[str, Any]:
    common, first, second = case.ego.counts
    return {
        "src": case.names[0],
        "dst": case.names[1],
        "cosine_before": case.before,
        "cosine_after": case.after,
        "common_friends": common,
        "friends_of_src_only": first,
        "friends_of_dst_only": second,
        "shared_items": len(case.shared),
        "shared_item_ids": _items(case, dataset, categories),
        "shared_categories": case.shared_categories,
        "seed": seed,
    }


def _items(case: Case, dataset: SocialDataset, categories: Categories, most: int | None = None) -> str:
    """Return the shared items by raw id, with their categories where known."""
    chosen = case.shared[:most]
    parts = []
    for item, raw in zip(chosen, dataset.items.take(list(chosen)).to_pylist(), strict=True):
        about = (categories or {}).get(item, ())
        parts.append(f"{raw} (category {', '.join(about)})" if about else str(raw))
    if most is not None and len(case.shared) > most:
        parts.append(f"and {len(case.shared) - most} more")
    return "; ".join(parts)


def _summary(cases: Sequence[Case], dataset: SocialDataset, categories: Categories) -> Summary:
    rows = [
        (
            f"{case.names[0]} – {case.names[1]}",
            f"{case.before:.3f}",
            f"{case.after:.3f}",
            str(case.ego.counts[0]),
            f"{case.ego.counts[1]} / {case.ego.counts[2]}",
            str(len(case.shared)),
            "–" if case.shared_categories is None else str(case.shared_categories),
            _items(case, dataset, categories, MOST_ITEMS) or "–",
        )
        for case in cases
    ]
    columns = (
        "tie",
        "cosine before",
        "after",
        "common friends",
        "other friends",
        "shared items",
        "shared categories",
        "which",
    )
    note = "Other friends: of the first / of the second user only."
    return Summary("The ties changed most", columns, tuple(rows), note)


def _egos(cases: Sequence[Case]) -> Figure:
    rows = -(-len(cases) // 3)
    with canvas("neighbourhoods", rows, 3, size=(9.6, 2.7 * rows)) as shape:
        for axis in shape.axes[len(cases) :]:
            axis.axis("off")
        for axis, case in zip(shape.axes, cases, strict=False):
            draw(axis, case.ego, case.names)
            axis.set_title(f"cosine {case.before:.2f} → {case.after:.2f}")
        caption = (
            "The ties changed most (dashed) with the friends of their two users: common friends stand between them, "
            "the others around their own; at most twelve of each sort are drawn."
        )
        return shape.figure_of("neighbourhoods", caption)


def _before_and_after(values: Mapping[str, Any]) -> Figure:
    place = {user: index for index, user in enumerate(values["users"])}
    with canvas("embeddings", 1, 2, size=(9.2, 4.0)) as shape:
        for axis, key, title in zip(shape.axes, ("map_before", "map_after"), ("before", "after"), strict=True):
            points = np.array(values[key])
            axis.scatter(points[:, 0], points[:, 1], s=6, color=COLOURS[8], alpha=0.6, linewidths=0, rasterized=True)
            for number, pair in enumerate(values["pairs"]):
                ends = points[[place[end] for end in pair["ends"]]]
                axis.plot(ends[:, 0], ends[:, 1], color=COLOURS[number], marker="o", markersize=4, linewidth=1.2)
            axis.set(title=f"{title} denoising", xlabel="first component", ylabel="second component")
        caption = (
            "Social embeddings on the unit sphere, first two principal components of each; grey: a random sample of "
            "users, coloured: the ties changed most. The two panels have scales of their own."
        )
        return shape.figure_of("embeddings", caption)


def _cosines(values: Mapping[str, Any]) -> Figure:
    with canvas("cosines", size=(7.0, 3.0)) as shape:
        axis = shape.axes[0]
        for place, (key, title) in enumerate((("before", "before denoising"), ("after", "after denoising"))):
            counts = np.array(values[key], float)
            axis.stairs(counts / counts.sum(), values["bins"], color=COLOURS[place], label=title, fill=True, alpha=0.45)
        lowest = min(np.flatnonzero(values[key])[0] for key in ("before", "after"))
        axis.set(xlabel="cosine of the two users' social embeddings", ylabel="share of ties")
        axis.set_xlim(values["bins"][max(0, lowest - 2)], 1.0)
        legend_below(shape, axis)
        return shape.figure_of("cosines", "How similar tied users are before and after denoising, over all ties.")


def _says(cases: Sequence[Case], values: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = values["alike_before"], values["alike_after"]
    says = [
        f"Denoising changes the cosine of a tie by {values['mean_change']:.3f} on average. The mean cosine of random "
        f"pairs of users, tied or not, is {before:.3f} before and {after:.3f} after."
    ]
    if after > ALIKE:
        says.append(
            "After denoising all users have practically the same social embedding, so the cosine no longer says "
            "anything about a tie: the ties changed most are simply those that were least similar before."
        )
    without = sum(not case.shared for case in cases)
    strangers = sum(case.ego.counts[0] == 0 for case in cases)
    says.append(
        f"Of the {len(cases)} ties changed most, {without} share no training item and {strangers} have no common "
        "friend."
    )
    return tuple(says)
