"""Study: what fake edges do to models that learn from edges, and what cleaning gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.contenders import OURS, PUBLISHED, label
from recdiff.studies.lab.edge_change import GIVEN
from recdiff.studies.lab.kept_ranking import Repeated
from recdiff.studies.lab.tuning import tuned
from recdiff.studies.lab.variants import Outcome, Variant, fit_variants, metric_rows
from recdiff.studies.page.figures import COLOURS, MARKERS, canvas, legend_below
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import Row, table_of
from recdiff.studies.page.wording import digits, interval, listed, percent, signed, verdict
from recdiff.studies.treatments import (
    AS_IS,
    Cleaned,
    clean_graphs,
    detection_summary,
    treatment_rows,
    treatment_summary,
    treatments_say,
)

K = 20
SHARES = (0.2, 0.5)
KINDS: Mapping[str, str] = {"uniform": "uniform fakes", "degree": "degree-matched fakes"}
# The published model, those that the article compares with, and a simple one with edges; ours comes cleaned.
MODELS = (PUBLISHED, "mhcn", "diffnet", "gdmsr", "lightgcn-ties")
CLEANED_LABEL = f"{label(OURS)}, cleaned ties"

Condition = tuple[str, float]
CLEAN: Condition = ("none", 0.0)
CONDITIONS: tuple[Condition, ...] = (CLEAN, *((kind, share) for kind in KINDS for share in SHARES))
# model -> condition -> rankings of the test split
Lines = Mapping[str, Mapping[Condition, Repeated]]


def run(bench: Bench) -> Findings:
    """Fit every model on every graph; settings are those that validation chose on the clean graph."""
    clean = tuned(bench, MODELS, "noise")
    keys = [(each, condition) for each in clean for condition in CONDITIONS]
    variants = [Variant(each.label, each.model, each.settings, _change(*condition)) for each, condition in keys]
    outcomes = fit_variants(bench, variants, "noise: fit")
    graphs = clean_graphs(bench, [(_name(*each), each, _change(*each)) for each in CONDITIONS])
    lines = _lines([(each.label, condition) for each, condition in keys], outcomes, graphs)
    rows = [row for (_, condition), outcome in zip(keys, outcomes, strict=True) for row in _rows(condition, outcome)]
    resamples = bench.budget.resamples
    summaries = (_summary(lines, resamples), treatment_summary(graphs, resamples), detection_summary(graphs))
    says = (*_says(lines, resamples), *treatments_say(graphs, resamples))
    return Findings(table_of([*rows, *treatment_rows(graphs)]), summaries, (_figure(lines),), says)


def _change(kind: str, share: float) -> Mapping[str, Any]:
    return {"kind": kind, "share": share} if share else GIVEN


def _name(kind: str, share: float) -> str:
    return f"{share:.0%} {KINDS[kind]}" if share else "ties as given"


def _lines(keys: Sequence[tuple[str, Condition]], outcomes: Sequence[Outcome], graphs: Sequence[Cleaned]) -> Lines:
    lines: dict[str, dict[Condition, Repeated]] = {}
    for (name, condition), outcome in zip(keys, outcomes, strict=True):
        lines.setdefault(name, {})[condition] = outcome.test
    for name, treatment in ((label(OURS), AS_IS), (CLEANED_LABEL, "cleaned")):
        lines[name] = {(each.kind, each.share): each.test[treatment] for each in graphs}
    return lines


def _rows(condition: Condition, outcome: Outcome) -> list[Row]:
    """Return the rows of a model on one graph, with the columns that the treatments have."""
    return [
        {
            "model": outcome.variant.model,
            "treatment": AS_IS,
            "kind": condition[0],
            "share": condition[1],
            **{name: row[name] for name in ("seed", "metric", "k", "value", "validation")},
            "auc": None,
        }
        for row in metric_rows([outcome])
    ]


def _summary(lines: Lines, resamples: int) -> Summary:
    rows = []
    for name, conditions in lines.items():
        for condition, each in conditions.items():
            row = [name, _name(*condition)]
            for metric in ("recall", "ndcg"):
                row.append(f"{digits(each.mean(metric, K))} ± {digits(each.sd(metric, K))}")
                if condition == CLEAN:
                    row += ["–", "–"]
                    continue
                gap = each.against(conditions[CLEAN], metric, K, resamples)
                row += [f"{signed(gap.mean)} {interval(gap.low, gap.high)}", _loss(each, conditions[CLEAN], metric)]
            rows.append(tuple(row))
    columns = ("model", "trained on", "Recall@20", "change", "relative", "NDCG@20", "change", "relative")
    note = "Change from the same model on the ties as given: 95 % paired bootstrap over users, seeds averaged."
    return Summary("Test split, models trained anew on each graph", columns, tuple(rows), note)


def _loss(each: Repeated, clean: Repeated, metric: str) -> str:
    base = clean.mean(metric, K)
    return percent(each.mean(metric, K) / base - 1) if base else "–"


def _figure(lines: Lines) -> Figure:
    with canvas("noise", 2, 2, size=(9.2, 5.8), sharex=True, sharey="row") as shape:
        for column, (kind, title) in enumerate(KINDS.items()):
            top, bottom = shape.axes[column], shape.axes[2 + column]
            for place, (name, conditions) in enumerate(lines.items()):
                points = [conditions[CLEAN], *(conditions[kind, share] for share in SHARES)]
                x = [100 * share for share in (0.0, *SHARES)]
                y = [each.mean("ndcg", K) for each in points]
                look = {"color": COLOURS[place], "marker": MARKERS[place], "label": name}
                top.errorbar(x, y, [each.sd("ndcg", K) for each in points], capsize=2, elinewidth=1, **look)
                bottom.plot(x, [100 * value / y[0] if y[0] else 100.0 for value in y], **look)
            top.set_title(title)
            bottom.set(xlabel="ties replaced, %", xticks=[100 * share for share in (0.0, *SHARES)])
        shape.axes[0].set_ylabel("NDCG@20, test")
        shape.axes[2].set_ylabel("% of its own on ties as given")
        legend_below(shape, shape.axes[0], columns=3)
        caption = (
            "NDCG@20 on test after training on ties of which a share is fake: above as it is, with the standard "
            "deviation over seeds; below relative to the same model on the ties as given."
        )
        return shape.figure_of("noise", caption)


def _says(lines: Lines, resamples: int) -> tuple[str, ...]:
    says, most = [], SHARES[-1]
    for kind, title in KINDS.items():
        kept = {name: _kept(conditions, (kind, most)) for name, conditions in lines.items()}
        first, last = max(kept, key=lambda each: kept[each]), min(kept, key=lambda each: kept[each])
        top = max(lines, key=lambda name: lines[name][kind, most].mean("ndcg", K))
        gaps = {name: each[kind, most].against(each[CLEAN], "ndcg", K, resamples) for name, each in lines.items()}
        hurt = [name for name, gap in gaps.items() if verdict(gap.low, gap.high) == "worse"]
        told = f"The loss of {listed(hurt)} is told from none" if hurt else "No model's loss is told from none"
        says.append(
            f"With {most:.0%} {title}, “{first}” keeps most of its NDCG@20 ({kept[first]:.1%}) and “{last}” least "
            f"({kept[last]:.1%}); the highest is that of “{top}”, {digits(lines[top][kind, most].mean('ndcg', K))}. "
            f"{told} (95 % paired interval)."
        )
    return tuple(says)


def _kept(conditions: Mapping[Condition, Repeated], condition: Condition) -> float:
    clean = conditions[CLEAN].mean("ndcg", K)
    return conditions[condition].mean("ndcg", K) / clean if clean else 1.0
