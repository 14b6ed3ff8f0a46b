"""Study: the tied pairs whose similarity denoising changes most, with what surrounds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recdiff.data.dataset import SocialDataset
from recdiff.studies.item_categories import read_categories
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.contenders import OURS, PUBLISHED, label
from recdiff.studies.likeness import Likeness, ask_systems, likeness_figure, likeness_says, likeness_summary
from recdiff.studies.page.ego import Ego, draw_ego, ego_of
from recdiff.studies.page.figures import COLOURS, canvas, legend_below
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import table_of
from recdiff.studies.pair_change import PAIRS, run_pairs
from recdiff.studies.systems.code import code_of

# Mean cosine of random pairs above which all users have become alike.
ALIKE = 0.99
MOST_ITEMS = 3
SCORES: Mapping[str, str] = {OURS: "fake score", PUBLISHED: "cosine"}
# What another system says of a tie: how alike it holds the users, and the share of ties that it holds less alike.
ASKED = ("cosine", "share_below")

Categories = Mapping[int, tuple[str, ...]] | None


@dataclass(frozen=True)
class Case:
    """An edge with its surroundings.

    Attributes:
        ends: positions of the two users; names: their raw ids.
        before, after: score of the edge without and with denoising.
        ego: the friends around them.
        shared: positions of the training items of both.
        shared_categories: how many categories both users have training items in; None where unknown.
    """

    ends: tuple[int, int]
    names: tuple[str, str]
    before: float
    after: float
    ego: Ego
    shared: tuple[int, ...]
    shared_categories: int | None


@dataclass(frozen=True)
class Subject:
    """A model whose denoising is looked at.

    Attributes:
        model: a name of ``contenders``.
        score: what its edges are scored by.
        values: what ``run_pairs`` returned.
        cases: the edges changed most.
    """

    model: str
    score: str
    values: Mapping[str, Any]
    cases: tuple[Case, ...]

    @property
    def label(self) -> str:
        """What the model is called."""
        return label(self.model)


def run(bench: Bench) -> Findings:
    """Fit each model once, with the first seed, look at the edges changed most, and ask other systems about them."""
    dataset, seed = bench.dataset, bench.budget.seeds[0]
    code = code_of([run_pairs.__module__])
    cells = [
        Cell(PAIRS, {"model": name, "epochs": bench.budget.epochs}, seed, bench.fingerprint, code) for name in SCORES
    ]
    results = bench.results(cells, "case")
    categories = read_categories(bench.source.folder, dataset.items)
    subjects = [
        Subject(name, score, found.values, tuple(_case(dataset, pair, categories) for pair in found.values["pairs"]))
        for (name, score), found in zip(SCORES.items(), results, strict=True)
    ]
    others = ask_systems(bench, [case.ends for subject in subjects for case in subject.cases])
    rows = [
        _row(subject, case, dataset, categories, seed) | _asked(case, others)
        for subject in subjects
        for case in subject.cases
    ]
    chosen = {each.label: [(_named(case), case.ends) for case in each.cases] for each in subjects}
    summaries = [_summary(subject, dataset, categories) for subject in subjects]
    figures = [draw(subject) for subject in subjects for draw in (_egos, _before_and_after, _scores)]
    says = (*map(_says, subjects), likeness_says(others, chosen))
    return Findings(
        table_of(rows),
        (*summaries, likeness_summary(others, chosen)),
        (*figures, likeness_figure(others, chosen)),
        says,
    )


def _asked(case: Case, others: Sequence[Likeness]) -> dict[str, float]:
    found = [(each.model, each.found[case.ends]) for each in others]
    return {f"{model}_{name}": value for model, pair in found for name, value in zip(ASKED, pair, strict=True)}


def _named(case: Case) -> str:
    return f"{case.names[0]} – {case.names[1]}"


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
    return Case(
        ends=(first, second),
        names=(names[0], names[1]),
        before=pair["before"],
        after=pair["after"],
        ego=ego,
        shared=tuple(map(int, shared)),
        shared_categories=about,
    )


def _row(subject: Subject, case: Case, dataset: SocialDataset, categories: Categories, seed: int) -> dict[str, Any]:
    common, first, second = case.ego.counts
    return {
        "model": subject.model,
        "score": subject.score,
        "src": case.names[0],
        "dst": case.names[1],
        "score_before": case.before,
        "score_after": case.after,
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


def _summary(subject: Subject, dataset: SocialDataset, categories: Categories) -> Summary:
    rows = [
        (
            _named(case),
            f"{case.before:.3f}",
            f"{case.after:.3f}",
            str(case.ego.counts[0]),
            f"{case.ego.counts[1]} / {case.ego.counts[2]}",
            str(len(case.shared)),
            "–" if case.shared_categories is None else str(case.shared_categories),
            _items(case, dataset, categories, MOST_ITEMS) or "–",
        )
        for case in subject.cases
    ]
    columns = (
        "tie",
        f"{subject.score} before",
        "after",
        "common friends",
        "other friends",
        "shared items",
        "shared categories",
        "which",
    )
    note = "Other friends: of the first / of the second user only."
    return Summary(f"The ties changed most: {subject.label}", columns, tuple(rows), note)


def _egos(subject: Subject) -> Figure:
    name, rows = f"{subject.model}-neighbourhoods", -(-len(subject.cases) // 3)
    with canvas(name, rows, 3, size=(9.6, 2.7 * rows)) as shape:
        for axis in shape.axes[len(subject.cases) :]:
            axis.axis("off")
        for axis, case in zip(shape.axes, subject.cases, strict=False):
            draw_ego(axis, case.ego, case.names)
            axis.set_title(f"{subject.score} {case.before:.2f} → {case.after:.2f}")
        caption = (
            f"{subject.label}: the ties changed most (dashed) with the friends of their two users: common friends "
            "stand between them, the others around their own; at most twelve of each sort are drawn."
        )
        return shape.figure_of(name, caption)


def _before_and_after(subject: Subject) -> Figure:
    name, values = f"{subject.model}-embeddings", subject.values
    place = {user: index for index, user in enumerate(values["users"])}
    with canvas(name, 1, 2, size=(9.2, 4.0)) as shape:
        for axis, key, title in zip(shape.axes, ("map_before", "map_after"), ("before", "after"), strict=True):
            points = np.array(values[key])
            axis.scatter(points[:, 0], points[:, 1], s=6, color=COLOURS[8], alpha=0.6, linewidths=0, rasterized=True)
            for number, pair in enumerate(values["pairs"]):
                ends = points[[place[end] for end in pair["ends"]]]
                axis.plot(ends[:, 0], ends[:, 1], color=COLOURS[number], marker="o", markersize=4, linewidth=1.2)
            axis.set(title=f"{title} denoising", xlabel="first component", ylabel="second component")
            axis.locator_params(nbins=5)
        caption = (
            f"{subject.label}: embeddings on the unit sphere, first two principal components of each; grey: a random "
            "sample of users, coloured: the ties changed most. The two panels have scales of their own."
        )
        return shape.figure_of(name, caption)


def _scores(subject: Subject) -> Figure:
    name, values = f"{subject.model}-scores", subject.values
    with canvas(name, size=(7.0, 3.0)) as shape:
        axis = shape.axes[0]
        for place, (key, title) in enumerate((("before", "without denoising"), ("after", "with denoising"))):
            counts = np.array(values[key], float)
            axis.stairs(counts / counts.sum(), values["bins"], color=COLOURS[place], label=title, fill=True, alpha=0.45)
        axis.set(xlabel=f"{subject.score} of a tie", ylabel="share of ties (logarithmic)", yscale="log")
        axis.set_xlim(values["bins"][0], values["bins"][-1])
        legend_below(shape, axis)
        caption = f"{subject.label}: the {subject.score} of all ties without and with denoising."
        return shape.figure_of(name, caption)


def _says(subject: Subject) -> str:
    before, after = (subject.values[key] for key in ("alike_before", "alike_after"))
    text = (
        f"{subject.label}: denoising changes the {subject.score} of a tie by "
        f"{subject.values['mean_change']:.3f} on average. The mean cosine of random pairs of users, tied or not, "
        f"is {before:.3f} before and {after:.3f} after. "
    )
    if after > ALIKE:
        already = ", as they were before" if before > ALIKE else ""
        text += (
            f"After denoising all users' embeddings are practically the same{already}: they can no longer say anything "
            "about a tie. "
        )
    without = sum(not case.shared for case in subject.cases)
    strangers = sum(case.ego.counts[0] == 0 for case in subject.cases)
    return (
        f"{text}Of the {len(subject.cases)} ties changed most, {without} share no training item and {strangers} have "
        "no common friend."
    )
