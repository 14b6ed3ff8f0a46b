"""Study: how sensitive the published model is to its embedding, its time embedding, its steps and its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recdiff.config import PaperConfig
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.variants import Outcome, Variant, fit_variants, metric_rows
from recdiff.studies.page.figures import COLOURS, MARKERS, canvas, legend_below
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import table_of
from recdiff.studies.page.wording import digits, listed

K = 20
GRID: Mapping[str, tuple[float, ...]] = {
    "width": (16, 32, 64, 128),
    "time_width": (4, 8, 16, 32, 64),
    "steps": (5, 10, 20, 50, 100, 200),
    "noise_scale": (0.01, 0.1, 0.5, 1.0, 5.0, 10.0),
}
QUICK_GRID: Mapping[str, tuple[float, ...]] = {
    "width": (16, 64),
    "time_width": (4, 16, 64),
    "steps": (5, 20, 100),
    "noise_scale": (0.1, 1.0, 10.0),
}
NAMES = {
    "width": "embedding size D",
    "time_width": "time-embedding size H",
    "steps": "diffusion steps T",
    "noise_scale": "noise scale τ",
}
# Below this spread of a metric over a whole grid, the setting is called unimportant.
FLAT = 0.002


def run(bench: Bench) -> Findings:
    """Fit every value of the grid, all other settings as published."""
    grid = QUICK_GRID if bench.budget.quick else GRID
    points = [(name, value) for name, values in grid.items() for value in values]
    variants = [Variant(f"{name}={value:g}", "recdiff-paper", _settings(name, value)) for name, value in points]
    outcomes = fit_variants(bench, variants, "hyperparameters")
    rows = [
        {"setting": name, "setting_value": float(value), **row}
        for (name, value), outcome in zip(points, outcomes, strict=True)
        for row in metric_rows([outcome])
    ]
    groups = {name: [(v, o) for (n, v), o in zip(points, outcomes, strict=True) if n == name] for name in grid}
    return Findings(table_of(rows), (_summary(groups),), (_figure(groups),), _says(groups))


def _settings(name: str, value: float) -> dict[str, float]:
    """Return the setting, none where it is the published value, so that all grids share that fit."""
    published = getattr(PaperConfig(), name)
    return {} if value == published else {name: type(published)(value)}


Groups = Mapping[str, Sequence[tuple[float, Outcome]]]


def _summary(groups: Groups) -> Summary:
    rows = []
    for name, points in groups.items():
        chosen = max(points, key=lambda point: point[1].validation)
        for value, outcome in points:
            rows.append(
                (
                    NAMES[name],
                    f"{value:g}",
                    digits(outcome.validation),
                    f"{digits(outcome.mean('recall', K))} ± {digits(outcome.sd('recall', K))}",
                    f"{digits(outcome.mean('ndcg', K))} ± {digits(outcome.sd('ndcg', K))}",
                    "best on validation" if value == chosen[0] else "",
                )
            )
    columns = ("setting", "value", "validation", "test Recall@20", "test NDCG@20", "")
    note = (
        "Validation is Recall@20 + NDCG@20, by which a value would be chosen; ± is the standard deviation over seeds."
    )
    return Summary("One setting at a time", columns, tuple(rows), note)


def _figure(groups: Groups) -> Figure:
    with canvas("sensitivity", 1, 4, size=(9.6, 2.6), sharey=True) as shape:
        for axis, (name, points) in zip(shape.axes, groups.items(), strict=True):
            x = [value for value, _ in points]
            for place, (metric, label) in enumerate((("recall", "Recall@20, test"), ("ndcg", "NDCG@20, test"))):
                y = [outcome.mean(metric, K) for _, outcome in points]
                spread = [outcome.sd(metric, K) for _, outcome in points]
                axis.errorbar(
                    x, y, spread, label=label, color=COLOURS[place], marker=MARKERS[place], capsize=2, elinewidth=1
                )
            axis.set(xscale="log", xlabel=NAMES[name])
            axis.set_xticks(x, [f"{value:g}" for value in x])
            axis.minorticks_off()
            axis.axvline(getattr(PaperConfig(), name), color=COLOURS[8], linewidth=1, linestyle=":")
        shape.axes[0].set_ylabel("metric")
        legend_below(shape, shape.axes[0])
        caption = "Test metrics, mean and standard deviation over seeds; the dotted line marks the published value."
        return shape.figure_of("sensitivity", caption)


def _says(groups: Groups) -> tuple[str, ...]:
    spread = {name: _range([outcome.mean("recall", K) for _, outcome in points]) for name, points in groups.items()}
    widest = max(spread, key=lambda name: spread[name])
    flat = [NAMES[name] for name in spread if spread[name] < FLAT]
    best = {name: max(points, key=lambda point: point[1].validation)[0] for name, points in groups.items()}
    chosen = listed([f"{NAMES[name]} {value:g}" for name, value in best.items()])
    says = [
        f"Recall@20 moves most with the {NAMES[widest]}: by {digits(spread[widest])} from the worst to the best value.",
        f"Validation would choose {chosen}, one at a time.",
    ]
    if flat:
        says.insert(1, f"It moves by less than {digits(FLAT)} over the whole grid of {listed(flat)}.")
    return tuple(says)


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)
