"""How alike other systems hold the two users of a tie: a cell that asks one, and what the case study shows of it.

Letters: U users, E ties, J items asked about.
A system need not have a row for a user, so users are compared by what it would recommend to them: their scores of J
random items, from which the item's mean over users is taken, and the cosine of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.baselines.task import validation_judge
from recdiff.metrics.ranking import Score
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.contenders import code, fit_contender, label
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.tuning import tuned
from recdiff.studies.page.figures import COLOURS, canvas, legend_below
from recdiff.studies.page.findings import Figure, Summary

LIKENESS = "likeness"
# The systems that the article's case study looks at.
SYSTEMS = ("kcgn", "mhcn")
ITEMS, BLOCK, RANDOM_PAIRS, BINS = 2_000, 256, 20_000, 40

Pair = tuple[int, int]


@dataclass(frozen=True)
class Likeness:
    """What one system makes of some ties, of all ties and of random pairs.

    Attributes:
        model: a name of ``contenders``.
        found: tie -> cosine of its two users, and the share of all ties whose cosine is smaller.
        values: what ``run_likeness`` returned.
    """

    model: str
    found: Mapping[Pair, tuple[float, float]]
    values: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What the system is called."""
        return label(self.model)

    def mean(self, pairs: Sequence[Pair]) -> float:
        """Return the mean cosine of ``pairs``."""
        return float(np.mean([self.found[pair][0] for pair in pairs]))


def ask_systems(bench: Bench, pairs: Sequence[Pair]) -> tuple[Likeness, ...]:
    """Return what each of ``SYSTEMS`` makes of ``pairs``, with the settings that validation likes best."""
    asked = [list(pair) for pair in sorted(set(pairs))]
    cells = [
        Cell(
            LIKENESS,
            {"model": each.model, "settings": each.settings, "epochs": bench.budget.epochs, "pairs": asked},
            bench.budget.seeds[0],
            bench.fingerprint,
            code(each.model, [__name__]),
        )
        for each in tuned(bench, SYSTEMS, "case")
    ]
    return tuple(
        Likeness(name, _by_pair(asked, result.values), result.values)
        for name, result in zip(SYSTEMS, bench.results(cells, "case: others"), strict=True)
    )


def _by_pair(asked: Sequence[Sequence[int]], values: Mapping[str, Any]) -> dict[Pair, tuple[float, float]]:
    rows = zip(asked, values["cosines"], values["below"], strict=True)
    return {(pair[0], pair[1]): (cosine, below) for pair, cosine, below in rows}


def run_likeness(cell: Cell, source: Source) -> dict[str, Any]:
    """Fit the system that the cell names, and compare the users of the pairs, of all ties and of random pairs."""
    dataset, wanted = source.read(), cell.settings
    judge = validation_judge(dataset.train, dataset.validation)
    fitted = fit_contender(
        wanted["model"], dataset, settings=wanted["settings"], seed=cell.seed, epochs=wanted["epochs"], judge=judge
    )
    rng = np.random.default_rng(cell.seed)
    rows = profiles(fitted.score, dataset.train.shape, rng)
    drawn = rng.integers(0, len(rows), (RANDOM_PAIRS, 2))
    ties, strangers = _cosines(rows, dataset.edges), _cosines(rows, drawn[drawn[:, 0] != drawn[:, 1]])
    asked = _cosines(rows, np.array(wanted["pairs"], np.int64))
    bins = np.histogram_bin_edges(np.concatenate([ties, strangers]), BINS)
    return {
        "cosines": asked.tolist(),
        "below": [float((ties < value).mean()) for value in asked],
        "ties": float(ties.mean()),
        "strangers": float(strangers.mean()),
        "bins": bins.tolist(),
        "of_ties": np.histogram(ties, bins)[0].tolist(),
        "of_strangers": np.histogram(strangers, bins)[0].tolist(),
    }


def profiles(score: Score, shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    """Return of each user a unit row of scores of random items less their means over users, (U, J).

    Args:
        shape: (U, I).
    """
    users, items = shape
    chosen = np.sort(rng.permutation(items)[:ITEMS])
    blocks = np.array_split(np.arange(users), -(-users // BLOCK))
    rows = np.concatenate([np.asarray(score(block)[:, chosen], np.float64) for block in blocks])
    rows -= rows.mean(axis=0)
    found: Float64 = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def _cosines(rows: Float64, pairs: Int64) -> Float64:
    parts = np.array_split(pairs, -(-len(pairs) // ITEMS))
    return np.concatenate([np.einsum("ij,ij->i", rows[part[:, 0]], rows[part[:, 1]]) for part in parts])


def likeness_summary(others: Sequence[Likeness], chosen: Mapping[str, Sequence[tuple[str, Pair]]]) -> Summary:
    """Return the ties chosen, by whom, each by its name, with what every other system makes of it."""
    rows: list[tuple[str, ...]] = []
    for whose, ties in chosen.items():
        for name, pair in ties:
            parts = [f"{each.found[pair][0]:.3f} ({each.found[pair][1]:.0%})" for each in others]
            rows.append((whose, name, *parts))
    for what, key in (("mean of all ties", "ties"), ("mean of random pairs of users", "strangers")):
        rows.append(("–", what, *(f"{each.values[key]:.3f}" for each in others)))
    note = (
        f"Cosine of what the system would give the two users: scores of {ITEMS:,} random items, or of all where there "
        "are fewer, each item's mean over users taken away; in brackets the share of all ties whose cosine is smaller. "
        "Settings chosen on validation, first seed."
    )
    columns = ("changed most by", "tie", *(each.label for each in others))
    return Summary("The same ties in systems that do not denoise", columns, tuple(rows), note)


def likeness_figure(others: Sequence[Likeness], chosen: Mapping[str, Sequence[tuple[str, Pair]]]) -> Figure:
    """Return how alike ties and random pairs are in each system, with a line for each tie chosen."""
    with canvas("others-likeness", 1, len(others), size=(9.2, 3.4)) as shape:
        for axis, each in zip(shape.axes, others, strict=True):
            for place, (key, title) in enumerate((("of_ties", "ties"), ("of_strangers", "random pairs"))):
                counts = np.array(each.values[key], float)
                look = {"color": COLOURS[place], "label": title, "fill": True, "alpha": 0.45}
                axis.stairs(counts / max(counts.sum(), 1.0), each.values["bins"], **look)
            for place, (whose, ties) in enumerate(chosen.items()):
                for number, (_, pair) in enumerate(ties):
                    name = None if number else f"changed most: {whose}"
                    axis.axvline(each.found[pair][0], color=COLOURS[2 + place], linewidth=1, label=name)
            axis.set(title=each.label, xlabel="cosine of what it recommends", ylabel="share")
        legend_below(shape, shape.axes[0])
        caption = (
            "How alike systems that do not denoise hold tied users and random pairs, by what they would recommend to "
            "them; lines: the ties that denoising changes most."
        )
        return shape.figure_of("others-likeness", caption)


def likeness_says(others: Sequence[Likeness], chosen: Mapping[str, Sequence[tuple[str, Pair]]]) -> str:
    """Say how alike each system holds the ties chosen, beside all ties and random pairs."""
    says = []
    for each in others:
        means = [
            f"that {whose} changes most {each.mean([pair for _, pair in ties]):.3f}" for whose, ties in chosen.items()
        ]
        says.append(
            f"In {each.label} the users of a tie have a mean cosine of {each.values['ties']:.3f}, random pairs "
            f"{each.values['strangers']:.3f}; those of the ties {', of the ties '.join(means)}."
        )
    return " ".join(says)
