"""Study: how long training takes, and how soon validation stops rising."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Cell, Result
from recdiff.studies.lab.contenders import OURS, PUBLISHED, label
from recdiff.studies.lab.trial import trial_cell
from recdiff.studies.lab.tuning import tuned
from recdiff.studies.lab.unoptimised_trial import LOOP, run_loop
from recdiff.studies.lab.variants import Variant
from recdiff.studies.page.figures import COLOURS, MARKERS, canvas, legend_below, round_ticks
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import table_of
from recdiff.studies.page.wording import compared, digits, listed, seconds
from recdiff.studies.systems.code import code_of

# Those that the article times too.
COMPARED = ("mhcn", "smin", "kcgn")
MODELS = (PUBLISHED, *COMPARED, "diffnet", "lightgcn", "lightgcn-ties")
LOOP_LABEL = "Published, unoptimised loop"
LOOP_EPOCHS, QUICK_LOOP_EPOCHS = 20, 5
MOST_SEEDS = 3
NEAR = 0.99

Results = Mapping[str, Sequence[Result]]


def run(bench: Bench) -> Findings:
    """Time every model with settings that validation chose, and the unoptimised loop for a few epochs."""
    budget = bench.budget
    seeds = budget.seeds[:MOST_SEEDS]
    # Ours is timed with its settings as they are: a search would be several fits, not one.
    fixed = Variant(label(OURS), OURS, {"search": False})
    chosen = [*tuned(bench, MODELS, "efficiency"), fixed]
    cells = [
        trial_cell(bench.fingerprint, each.model, each.settings, seed, budget.epochs, final=False, timed=True)
        for each in chosen
        for seed in seeds
    ]
    epochs = QUICK_LOOP_EPOCHS if budget.quick else LOOP_EPOCHS
    code = code_of([run_loop.__module__])
    cells += [Cell(LOOP, {"epochs": epochs}, seed, bench.fingerprint, code) for seed in seeds]
    done = iter(bench.results(cells, "efficiency", alone=True))
    results = {name: [next(done) for _ in seeds] for name in (*(each.label for each in chosen), LOOP_LABEL)}
    rows = [
        {"model": name, "seed": result.cell.seed, **{key: row[key] for key in ("epoch", "seconds", "validation")}}
        for name, each in results.items()
        for result in each
        for row in result.values["history"]
    ]
    return Findings(table_of(rows), (_summary(results),), (_figure(results),), _says(results))


def per_epoch(results: Sequence[Result]) -> float:
    """Return seconds an epoch, the fastest seed's: what other work on the machine disturbs least."""
    last = [result.values["history"][-1] for result in results]
    return float(min(row["seconds"] / row["epoch"] for row in last))


def until_near_best(results: Sequence[Result]) -> tuple[float, float]:
    """Return the epochs and seconds until validation first comes within 1 % of the best of its fit, seeds averaged."""
    found = []
    for result in results:
        best = max(row["validation"] for row in result.values["history"])
        found.append(next(row for row in result.values["history"] if row["validation"] >= NEAR * best))
    return float(np.mean([row["epoch"] for row in found])), float(np.mean([row["seconds"] for row in found]))


def _best(results: Sequence[Result]) -> float:
    return float(np.mean([max(row["validation"] for row in result.values["history"]) for result in results]))


def _summary(results: Results) -> Summary:
    rows = []
    for name, each in sorted(results.items(), key=lambda item: per_epoch(item[1])):
        if name == LOOP_LABEL:
            rows.append((name, seconds(per_epoch(each)), "–", "–", "–"))
            continue
        epochs, spent = until_near_best(each)
        rows.append((name, seconds(per_epoch(each)), f"{epochs:.0f}", seconds(spent), digits(_best(each))))
    columns = ("model", "an epoch", "epochs to 99 %", "time to 99 %", "best validation")
    note = (
        "99 %: the first evaluation within one per cent of the fit's best validation score (Recall@20 + NDCG@20). An "
        "epoch visits every training interaction once, but models differ in how many steps they make of it. The loop "
        "is timed for a few epochs only."
    )
    return Summary("Training time, judging not counted", columns, tuple(rows), note)


def _figure(results: Results) -> Figure:
    with canvas("convergence", 1, 2, size=(9.2, 3.6), sharey=True) as shape:
        for place, (name, each) in enumerate(results.items()):
            history = each[0].values["history"]
            for axis, key in zip(shape.axes, ("epoch", "seconds"), strict=True):
                look = {"color": COLOURS[place], "marker": MARKERS[place], "markersize": 3.5, "label": name}
                axis.plot([row[key] for row in history], [row["validation"] for row in history], **look)
        shape.axes[0].set(xlabel="epochs", ylabel="Recall@20 + NDCG@20, validation")
        shape.axes[1].set(xlabel="seconds of training (logarithmic)", xscale="log")
        round_ticks(shape.axes[1].xaxis)
        legend_below(shape, shape.axes[0], columns=3)
        caption = "Validation score while training, first seed: by epochs and by seconds, judging not counted."
        return shape.figure_of("convergence", caption)


def _says(results: Results) -> tuple[str, ...]:
    published, loop = results[label(PUBLISHED)], results[LOOP_LABEL]
    speed_up = per_epoch(loop) / per_epoch(published)
    trained = {name: each for name, each in results.items() if name != LOOP_LABEL}
    soonest = min(trained, key=lambda name: until_near_best(trained[name])[1])
    highest = max(trained, key=lambda name: _best(trained[name]))
    others = {label(each): per_epoch(results[label(each)]) for each in COMPARED}
    told = [f"{name} {seconds(each)} ({compared(each / per_epoch(published))} it)" for name, each in others.items()]
    return (
        f"An epoch of the published model takes {seconds(per_epoch(published))}, the unoptimised loop "
        f"{seconds(per_epoch(loop))}: {speed_up:.1f} times as long. Beside the published model, an epoch takes "
        f"{listed(told)}.",
        f"{soonest} is the first to come within one per cent of its best validation score, after "
        f"{seconds(until_near_best(trained[soonest])[1])}; the highest validation score is {highest}'s "
        f"({digits(_best(trained[highest]))}).",
    )
