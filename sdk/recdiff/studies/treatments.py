"""What cleaning gives: the cells of all graphs, put side by side for the noise study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recdiff.metrics.ranking import CUTOFFS, METRICS
from recdiff.metrics.significance import Difference
from recdiff.studies.cleaning import TREATMENTS, cleaning_cell
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Result
from recdiff.studies.lab.contenders import OURS
from recdiff.studies.lab.kept_ranking import Repeated, unpack
from recdiff.studies.page.findings import Summary
from recdiff.studies.page.tidy import Row
from recdiff.studies.page.wording import digits, interval, listed, p_value, signed, verdict

K = 20
AS_IS = "as-is"
Condition = tuple[str, float]


@dataclass(frozen=True)
class Cleaned:
    """One graph with all treatments.

    Attributes:
        name: of the graph, for tables.
        kind, share: of its fakes.
        results: one per seed.
        test: treatment -> rankings, in the order of the seeds.
    """

    name: str
    kind: str
    share: float
    results: tuple[Result, ...]
    test: Mapping[str, Repeated]

    def gain(self, treatment: str, metric: str, resamples: int) -> Difference:
        """Return how much better a treatment is at 20 than the edges as they are, paired over users."""
        return self.test[treatment].against(self.test[AS_IS], metric, K, resamples)

    def average(self, name: str) -> float | None:
        """Return "auc", "estimated_share" or "removed", seeds averaged; None where the graph has none."""
        values = [result.values[name] for result in self.results]
        return None if None in values else float(np.mean(values))


def clean_graphs(bench: Bench, graphs: Sequence[tuple[str, Condition, Mapping[str, Any]]]) -> list[Cleaned]:
    """Return every graph (its name, its condition, its change) with all treatments and every seed."""
    seeds = bench.budget.seeds
    cells = [
        cleaning_cell(bench.fingerprint, change, seed, bench.budget.epochs) for _, _, change in graphs for seed in seeds
    ]
    found = iter(bench.results(cells, "noise: clean"))
    cleaned = []
    for name, (kind, share), _ in graphs:
        own = tuple(next(found) for _ in seeds)
        test = {
            each: Repeated(tuple(unpack(result.values["treatments"][each]["test"]) for result in own))
            for each in TREATMENTS
        }
        cleaned.append(Cleaned(name, kind, share, own, test))
    return cleaned


def treatment_rows(graphs: Sequence[Cleaned]) -> list[Row]:
    """Return one row per graph, treatment, seed, metric and cutoff."""
    return [
        {
            "model": OURS,
            "treatment": treatment,
            "kind": each.kind,
            "share": each.share,
            "seed": result.cell.seed,
            "metric": metric,
            "k": k,
            "value": kept.mean(metric, k),
            "validation": result.values["treatments"][treatment]["validation"],
            "auc": result.values["auc"],
        }
        for each in graphs
        for treatment in TREATMENTS
        for result, kept in zip(each.results, each.test[treatment].seeds, strict=True)
        for metric in METRICS
        for k in CUTOFFS
    ]


def treatment_summary(graphs: Sequence[Cleaned], resamples: int) -> Summary:
    """Return all treatments of all graphs beside the edges as they are."""
    rows = []
    for each in graphs:
        for treatment, name in TREATMENTS.items():
            row = [each.name, name]
            for metric in ("recall", "ndcg"):
                row.append(digits(each.test[treatment].mean(metric, K)))
                if treatment == AS_IS:
                    row += ["–", "–"]
                    continue
                gain = each.gain(treatment, metric, resamples)
                row += [f"{signed(gain.mean)} {interval(gain.low, gain.high)}", p_value(gain.p)]
            rows.append(tuple(row))
    columns = ("graph", "ties", "Recall@20", "gain", "p", "NDCG@20", "gain", "p")
    note = (
        "The default recommender with the settings that validation likes best on the ties as they are; gains over them "
        "are 95 % paired bootstrap over users, seeds averaged. Fake scores are blind: fitted on the graph in question."
    )
    return Summary("What cleaning gives, test split", columns, tuple(rows), note)


def detection_summary(graphs: Sequence[Cleaned]) -> Summary:
    """Return how well the fakes are found, and how many edges cleaning removes."""
    rows = []
    for each in graphs:
        auc, share, removed = (each.average(name) for name in ("auc", "estimated_share", "removed"))
        rows.append((each.name, "–" if auc is None else f"{auc:.3f}", f"{share or 0.0:.1%}", f"{removed or 0.0:,.0f}"))
    return Summary("Finding the fakes", ("graph", "AUC", "estimated share of fakes", "ties removed"), tuple(rows))


def treatments_say(graphs: Sequence[Cleaned], resamples: int) -> list[str]:
    """Return where cleaning helps, where it harms, and where nothing can be told."""
    words: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for each in graphs:
        gain = each.gain("cleaned", "ndcg", resamples)
        words[verdict(gain.low, gain.high)].append(f"{each.name} ({signed(gain.mean)} NDCG@20)")
    texts = {
        "better": "Removing the ties with a fake score of .5 or more helps the default recommender on",
        "worse": "It harms on",
        "not told apart": "No difference can be told on",
    }
    says = [f"{texts[word]} {listed(names)}." for word, names in words.items() if names]
    return [says[0].replace("It harms", "Cleaning harms"), *says[1:]]
