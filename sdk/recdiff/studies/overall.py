"""Study: all models under one protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence

from recdiff.data.problems import did_you_mean
from recdiff.errors import UsageError
from recdiff.metrics.ranking import CUTOFFS, METRICS
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.contenders import OURS, is_baseline, names
from recdiff.studies.lab.tuning import tuned
from recdiff.studies.lab.variants import Outcome, fit_variants
from recdiff.studies.listed import judge_lists
from recdiff.studies.page.elsewhere import HEADINGS, published
from recdiff.studies.page.figures import bars, canvas
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import Row, table_of
from recdiff.studies.page.wording import digits, interval, p_said, p_value, seconds, signed, verdict

K = 20


def run(bench: Bench) -> Findings:
    """Tune, fit with every seed, and compare all with the baseline that validation likes best.

    Whoever joins goes first, so that its faults show before the others have taken their time.

    Raises:
        UsageError: a system that joins cannot be used, or none of the baselines is asked for.
        DataError: a file of scores cannot be used.
    """
    systems = _built_in(bench.invited.beside)
    lists = judge_lists(bench)
    outcomes = fit_variants(bench, tuned(bench, [*bench.invited.models, *systems], "overall"), "overall: fit")
    outcomes += lists
    best = best_baseline(outcomes)
    rows = _rows(outcomes, best, bench.budget.resamples)
    order = sorted(outcomes, key=lambda each: -each.validation)
    summaries = (
        _comparison(order, best, bench.budget.resamples),
        _everything(order),
        published(bench.source.name),
    )
    return Findings(table_of(rows), summaries, (_figure(order, best, bench),), _says(order, best, bench))


def best_baseline(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the baseline with the highest validation score; ours, the published model and guests are no baselines."""
    return max((each for each in outcomes if is_baseline(each.variant.model)), key=lambda each: each.validation)


def _built_in(beside: Sequence[str]) -> tuple[str, ...]:
    """Return the systems built in that ``beside`` names, in the order of the registry; all where it names none."""
    for name in beside:
        if name not in names():
            raise UsageError(f"--beside {name}{did_you_mean(name, names())}: accepted are {', '.join(names())}")
    chosen = tuple(name for name in names() if name in (beside or names()))
    if not any(map(is_baseline, chosen)):
        raise UsageError(f"--beside {' --beside '.join(chosen)}: add a baseline, which the others are compared with")
    return chosen


def _rows(outcomes: Sequence[Outcome], best: Outcome, resamples: int) -> list[Row]:
    rows: list[Row] = []
    for each in outcomes:
        for metric in METRICS:
            for k in CUTOFFS:
                gap = each.against(best, metric, k, resamples)
                rows.append(
                    {
                        "model": each.variant.model,
                        "metric": metric,
                        "k": k,
                        "mean": each.mean(metric, k),
                        "sd": each.sd(metric, k),
                        "seeds": len(each.results),
                        "against": best.variant.model,
                        "difference": gap.mean,
                        "low": gap.low,
                        "high": gap.high,
                        "p": None if each is best else gap.p,
                        "validation": each.validation,
                        "seconds": each.seconds,
                        "settings": json.dumps(dict(each.variant.settings), sort_keys=True),
                    }
                )
    return rows


def _comparison(order: Sequence[Outcome], best: Outcome, resamples: int) -> Summary:
    rows = []
    for each in order:
        row = [each.label, digits(each.validation)]
        for metric in ("recall", "ndcg"):
            row.append(f"{digits(each.mean(metric, K))} ± {digits(each.sd(metric, K))}")
            if each is best:
                row += ["–", "–"]
            else:
                gap = each.against(best, metric, K, resamples)
                row += [f"{signed(gap.mean)} {interval(gap.low, gap.high)}", p_value(gap.p)]
        rows.append((*row, seconds(each.seconds) if each.seconds else "–"))
    columns = ("model", "validation", "Recall@20", "difference", "p", "NDCG@20", "difference", "p", "fit")
    note = (
        f"Ordered by validation (Recall@20 + NDCG@20). Differences are from {best.label}, the baseline that is best on "
        "validation: 95 % paired bootstrap intervals over users, seeds averaged. ± is the standard deviation over "
        "seeds, .0000 for models without randomness. Fit: training seconds of one fit while others may have run beside."
    )
    return Summary("Test split", columns, tuple(rows), note)


def _everything(order: Sequence[Outcome]) -> Summary:
    pairs = [(metric, k) for metric in METRICS for k in CUTOFFS]
    columns = ("model", *(f"{HEADINGS[metric]}@{k}" for metric, k in pairs))
    rows = tuple((each.label, *(digits(each.mean(metric, k)) for metric, k in pairs)) for each in order)
    return Summary("Every metric at every cutoff, test split", columns, rows)


def _figure(order: Sequence[Outcome], best: Outcome, bench: Bench) -> Figure:
    with canvas("ranking", 1, 2, size=(9.2, 0.8 + 0.3 * len(order)), sharey=True) as shape:
        ours = next((place for place, each in enumerate(order) if each.variant.model == OURS), -1)
        for axis, metric in zip(shape.axes, ("recall", "ndcg"), strict=True):
            gaps = [each.against(best, metric, K, bench.budget.resamples) for each in order]
            level = best.mean(metric, K)
            bars(
                axis,
                [each.label for each in order],
                values=[level + gap.mean for gap in gaps],
                low=[level + gap.low for gap in gaps],
                high=[level + gap.high for gap in gaps],
                ours=ours,
            )
            axis.axvline(level, color="#010203", linewidth=1)
            axis.set_xlabel(f"{HEADINGS[metric]}@{K}, test")
        caption = (
            f"Test metrics, best on validation first; the line is {best.label}, and the intervals are those of the "
            "paired difference from it (95 %, bootstrap over users)."
        )
        return shape.figure_of("ranking", caption)


def _says(order: Sequence[Outcome], best: Outcome, bench: Bench) -> tuple[str, ...]:
    says = [
        f"The baseline that validation likes best is {best.label}: Recall@20 {digits(best.mean('recall', K))}, NDCG@20 "
        f"{digits(best.mean('ndcg', K))} on test."
    ]
    for each in order:
        if is_baseline(each.variant.model):
            continue
        parts = []
        for metric in ("recall", "ndcg"):
            gap = each.against(best, metric, K, bench.budget.resamples)
            word = verdict(gap.low, gap.high)
            parts.append(
                f"{HEADINGS[metric]}@20 {digits(each.mean(metric, K))}, {word} ({signed(gap.mean)} "
                f"{interval(gap.low, gap.high)}, {p_said(gap.p)})"
            )
        says.append(f"{each.label} against it: {'; '.join(parts)}.")
    says += [_said_of_list(each) for each in order if "listed" in each.results[0].values]
    top = max(order, key=lambda each: each.mean("recall", K))
    if top is not order[0]:
        says.append(
            f"On test the highest Recall@20 is {top.label}'s ({digits(top.mean('recall', K))}), while validation puts "
            f"{order[0].label} first."
        )
    return tuple(says)


def _said_of_list(each: Outcome) -> str:
    """Say of a file of scores how much of the test users it covers, and what its validation score is worth."""
    found = each.results[0].values
    left = f" {found['unknown']:,} rows name users or items that the data do not have." if found["unknown"] else ""
    return (
        f"{each.label} lists items for {found['listed']:,} of {found['judged']:,} test users; the others count as "
        f"missed.{left} Its validation score means something only where its maker left validation items in the list."
    )
