"""Study: what each part of the published model is worth."""

from __future__ import annotations

from collections.abc import Sequence

from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.variants import Outcome, Variant, fit_variants, metric_rows
from recdiff.studies.page.figures import bars, canvas
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import table_of
from recdiff.studies.page.wording import digits, interval, listed, p_value, signed, verdict

MODEL = "recdiff-paper"
VARIANTS = (
    Variant("RecDiff as published", MODEL),
    Variant("-D: social embedding as it is (identity)", MODEL, {"denoising": "identity"}),
    Variant("-S: no social graph", MODEL, {"social": "none"}),
    Variant("-DAE: one-step denoising autoencoder", MODEL, {"denoising": "autoencoder"}),
    Variant("random social graph, same degrees", MODEL, {"social": "random"}),
    Variant("denoised embeddings replaced by their mean", MODEL, {"inference": "mean"}),
)
METRIC, K = "recall", 20
# A change of recall below this is next to nothing: one hit more or less per hundred users.
SAME = 0.0005


def run(bench: Bench) -> Findings:
    """Fit the variants and compare each with the full model."""
    outcomes = fit_variants(bench, VARIANTS, "ablation")
    summary = _summary(outcomes, bench.budget.resamples)
    figure = _figure(outcomes, bench.budget.resamples)
    return Findings(table_of(metric_rows(outcomes)), (summary,), (figure,), _says(outcomes, bench))


def _summary(outcomes: Sequence[Outcome], resamples: int) -> Summary:
    full, rows = outcomes[0], []
    for each in outcomes:
        row = [each.label]
        for metric in ("recall", "ndcg"):
            row.append(f"{digits(each.mean(metric, K))} ± {digits(each.sd(metric, K))}")
            if each is full:
                row += ["–", "–"]
                continue
            gap = each.against(full, metric, K, resamples)
            row += [f"{signed(gap.mean)} {interval(gap.low, gap.high)}", p_value(gap.p)]
        rows.append(tuple(row))
    columns = ("variant", "Recall@20", "against published", "p", "NDCG@20", "against published", "p")
    note = "± is the standard deviation over seeds; intervals are 95 % paired bootstrap over users, seeds averaged."
    return Summary("Test split", columns, tuple(rows), note)


def _figure(outcomes: Sequence[Outcome], resamples: int) -> Figure:
    full, others = outcomes[0], outcomes[1:]
    with canvas("differences", 1, 2, size=(9.2, 0.6 + 0.42 * len(others)), sharey=True) as shape:
        for axis, metric, name in zip(shape.axes, ("recall", "ndcg"), ("Recall@20", "NDCG@20"), strict=True):
            gaps = [each.against(full, metric, K, resamples) for each in others]
            labels = [each.label for each in others]
            bars(
                axis,
                labels,
                values=[gap.mean for gap in gaps],
                low=[gap.low for gap in gaps],
                high=[gap.high for gap in gaps],
                ours=-1,
            )
            axis.axvline(0, color="#010203", linewidth=1)
            axis.set_xlabel(f"change of {name}")
        caption = (
            "Change of the test metrics against the published model, with 95 % paired bootstrap intervals over users. "
            "An interval that crosses the line cannot be told from no change."
        )
        return shape.figure_of("differences", caption)


def _says(outcomes: Sequence[Outcome], bench: Bench) -> tuple[str, ...]:
    full, others = outcomes[0], outcomes[1:]
    gaps = {each.label: each.against(full, METRIC, K, bench.budget.resamples) for each in others}
    worse, better, same = (
        [label for label, gap in gaps.items() if verdict(gap.low, gap.high) == word]
        for word in ("worse", "better", "not told apart")
    )
    says = [
        f"The published model reaches Recall@20 {digits(full.mean('recall', K))} and NDCG@20 "
        f"{digits(full.mean('ndcg', K))} on test."
    ]
    for group, words in ((worse, "It loses recall with"), (better, "It gains recall with")):
        if group:
            parts = [
                f"“{label}” ({signed(gaps[label].mean)} {interval(gaps[label].low, gaps[label].high)})"
                for label in group
            ]
            says.append(f"{words} {listed(parts)}.")
    if same:
        says.append(f"Not told apart from the full model: {listed([f'“{label}”' for label in same])}.")
    mean = outcomes[-1]
    if abs(gaps[mean.label].mean) < SAME:
        says.append(
            "Replacing the denoised embeddings of all users by their mean changes next to nothing "
            f"({signed(gaps[mean.label].mean)}): the denoiser's output is the same for everybody."
        )
    return tuple(says)
