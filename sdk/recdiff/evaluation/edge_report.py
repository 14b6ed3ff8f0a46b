"""Fake scores held against known truth, every heuristic beside them, per degree bucket, as table and figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float64, Int64
from recdiff.data.labels import Labels
from recdiff.data.outside.scores import Scores
from recdiff.data.problems import Problem, data_error
from recdiff.errors import DataError, UsageError
from recdiff.evaluation.beside import SYSTEMS, beside_scores, require_systems
from recdiff.evaluation.heuristics import HEURISTICS, heuristic_scores
from recdiff.extras import install_with
from recdiff.machine.progress import Report, silent
from recdiff.metrics.edges import EdgeMetrics, by_degree, edge_metrics
from recdiff.model.fitted import Fitted
from recdiff.storage.whole import replaced_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = "fake_score"
SIGNATURE = "recdiff-sdk"
"""Stands in figures of ours, where their form has room for it."""
FAR_BELOW_CHANCE = 0.4
"""A smaller AUC of the fake score says rather that the truth is the other way round than that nothing was found."""
INSTALL = install_with("study")
# The heuristics score how real an edge looks; the fake score how fake.
SPLIT_SEED = 0


@dataclass(frozen=True)
class Verdict:
    """Metrics of the fake score, of every heuristic and of other systems' scores, on the same labelled edges.

    Attributes:
        edges: labelled edges that are part of the fit; missing: those that are not, left out.
        metrics: scorer -> figures on all of them; buckets: degree range -> scorer -> figures.
        given: the scorers among these that are other systems, by a file of scores or asked for by name.
    """

    edges: int
    missing: int
    metrics: dict[str, EdgeMetrics]
    buckets: dict[str, dict[str, EdgeMetrics]]
    given: tuple[str, ...] = ()

    @property
    def best_heuristic(self) -> str:
        """The heuristic with the largest AUC; other systems are none."""
        return max(
            (name for name in self.metrics if name != OURS and name not in self.given),
            key=lambda name: self.metrics[name].auc,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the fake score here, a line each; none where nothing does."""
        ours, best = self.metrics[OURS].auc, self.best_heuristic
        found: list[str] = []
        if ours < FAR_BELOW_CHANCE:
            found.append(f"fake_score has AUC {ours:.3f}, far below 0.5: check that 1 means fake in the truth")
        if self.metrics[best].auc > ours:
            found.append(f"{best} has AUC {self.metrics[best].auc:.3f}, more than the {ours:.3f} of fake_score")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain values; a figure that is not defined is None."""
        plain: dict[str, Any] = _plain(
            {
                "edges": self.edges,
                "missing": self.missing,
                "best_heuristic": self.best_heuristic,
                "given": list(self.given),
                "warnings": list(self.warnings),
                "scorers": {name: metrics.to_dict() for name, metrics in self.metrics.items()},
                "by_degree": {
                    bucket: {name: metrics.to_dict() for name, metrics in found.items()}
                    for bucket, found in self.buckets.items()
                },
            }
        )
        return plain

    def tables(self) -> Iterator[tuple[tuple[str, ...], list[tuple[object, ...]], str]]:
        """Yield columns, rows and title of each table that a screen has room for; reliability is in ``to_dict``."""
        columns = ("scorer", "AUC", "avg precision", "precision@k", "recall@1% FP", "recall@5% FP", "ECE")
        ours = self.metrics[OURS]
        title = f"{self.edges:,} labelled edges, {ours.fakes:,} fake (base rate {ours.base_rate:.3f})"
        yield columns, [(name, *_figures(metrics)) for name, metrics in self.metrics.items()], title
        best = self.best_heuristic
        beside = (best, *self.given)
        rows: list[tuple[object, ...]] = [
            (
                bucket,
                found[OURS].count,
                found[OURS].base_rate,
                found[OURS].auc,
                *(found[name].auc for name in beside),
                _ece(found[OURS]),
            )
            for bucket, found in self.buckets.items()
        ]
        yield (
            ("smaller degree", "edges", "base rate", "AUC", *(f"AUC {name}" for name in beside), "ECE"),
            rows,
            "by degree",
        )


def verdict(
    fitted: Fitted,
    truth: Labels,
    given: Sequence[Scores] = (),
    beside: Sequence[str] = (),
    report: Report = silent,
) -> Verdict:
    """Judge the out-of-fold scores of the fitted edges by ``truth``, and in the same way the scores of other systems.

    Args:
        given: files of scores.
        beside: names of ``beside.SYSTEMS``, which are trained for it.

    Raises:
        DataError: no labelled edge is part of the fit, all of them are real, or all fake; given scores lack one of
            these edges, or have two for it; or there are no interactions for a system to learn from.
        UsageError: two files of given scores have one name, or nothing is called as ``beside`` says.
    """
    require_systems(beside, fitted)
    rows = fitted.rows_of(truth.pairs)
    known, first = np.unique(rows[rows >= 0], return_index=True)
    is_fake = truth.is_fake[rows >= 0][first]
    if len(known) == 0 or is_fake.all() or not is_fake.any():
        raise DataError(
            f"labelled edges that are part of the fit: {len(known)}, fake ones among them: {int(is_fake.sum())}; "
            "both kinds are needed, so label edges of the data that were fitted"
        )
    # Turned confidences are no probabilities of being fake, and being below 0 they are not taken for such.
    theirs = _given(fitted, known, given) | beside_scores(beside, fitted, report)
    scores = all_scores(fitted) | theirs
    degree = np.minimum(fitted.edges["degree_src"].to_numpy(), fitted.edges["degree_dst"].to_numpy())[known]
    metrics: dict[str, EdgeMetrics] = {}
    buckets: dict[str, dict[str, EdgeMetrics]] = {}
    for name, score in scores.items():
        judged = score[known]
        probability = name == OURS or (name in theirs and bool((judged >= 0).all() and (judged <= 1).all()))
        metrics[name] = edge_metrics(is_fake, judged, probability)
        for bucket, found in by_degree(is_fake, judged, degree, probability).items():
            buckets.setdefault(bucket, {})[name] = found
    return Verdict(len(known), int((rows < 0).sum()) + truth.unknown, metrics, buckets, tuple(theirs))


def _given(fitted: Fitted, known: Int64, given: Sequence[Scores]) -> dict[str, Float64]:
    """Return given scores by the name of their file, (E,) each, NaN for edges that nobody asks for."""
    found: dict[str, Float64] = {}
    for each in given:
        name = each.file.name
        if name in found or name in (OURS, *HEURISTICS, *SYSTEMS):
            raise UsageError(f"--scores {each.file}: {name} names another row of the table already; rename the file")
        found[name] = _by_edge(fitted, known, each)
    return found


def _by_edge(fitted: Fitted, known: Int64, given: Scores) -> Float64:
    rows = fitted.rows_of(given.ends)
    inside = np.flatnonzero(rows >= 0)
    values = np.full(fitted.edges.num_rows, np.nan)
    # The first row of an edge counts; a later one, also the other way round of an undirected edge, must agree with it.
    values[rows[inside[::-1]]] = given.values[inside[::-1]]
    other = inside[values[rows[inside]] != given.values[inside]]
    if len(other):
        row = int(other[0])
        ends = _named(fitted, int(rows[row]))
        text = f"edge {ends} has score {given.values[row]:g} here and {values[rows[row]]:g} in an earlier row; keep one"
        raise data_error(given.file, [Problem(text, given.place(row))])
    missing = known[np.isnan(values[known])]
    if len(missing):
        raise DataError(
            f"{given.file}: has no score for {len(missing):,} of {len(known):,} labelled edges that are part of the "
            f"fit, such as {_named(fitted, int(missing[0]))}; score all of them"
        )
    return values


def _named(fitted: Fitted, row: int) -> str:
    return ",".join(str(each) for each in fitted.users.take(fitted.pairs[row]).to_pylist())


def all_scores(fitted: Fitted) -> dict[str, NDArray[np.float64]]:
    """Return the fake score and every heuristic of all fitted edges, (E,) each; larger looks more fake."""
    train = fitted.trained if fitted.trained.nnz else None
    rng = np.random.default_rng(SPLIT_SEED)
    found = heuristic_scores(fitted.graph, train, rng)
    ours = fitted.scores.astype(np.float64)
    return {OURS: ours} | {name: -score for name, score in found.items()}


def blank_figure(file: Path) -> Figure:
    """Return the figure to draw, 9 by 4 inches, once it is sure that it can be written to ``file``.

    Raises:
        UsageError: matplotlib is not installed or writes no such files, the folder does not exist, or a file of
            somebody else's is there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(f"--figure needs matplotlib; run: {INSTALL}") from None
    figure = Figure(figsize=(9, 4), layout="constrained")
    forms = figure.canvas.get_supported_filetypes()
    if file.suffix.lower().removeprefix(".") not in forms:
        raise UsageError(f"--figure {file}: expected a file name that ends in .{', .'.join(sorted(forms))}")
    if not file.parent.is_dir():
        raise UsageError(f"--figure {file}: there is no folder {file.parent}")
    if file.exists() and SIGNATURE.encode() not in file.read_bytes():
        raise UsageError(f"--figure {file} is there and no figure of ours, so it is not replaced; name another file")
    return figure


def draw(found: Verdict, file: Path) -> None:
    """Draw AUCs beside each other and the reliability of the fake score.

    Raises:
        UsageError: ``file`` is no place or form for a figure.
    """
    figure = blank_figure(file)
    left, right = figure.subplots(1, 2)
    order = sorted(found.metrics, key=lambda name: found.metrics[name].auc)
    colours = ["#0f7fbf" if name == OURS else "#c8692a" if name in found.given else "#9aa5b1" for name in order]
    left.barh(
        [name if name in found.given else name.replace("_", " ") for name in order],
        [found.metrics[name].auc for name in order],
        color=colours,
    )
    left.axvline(0.5, color="#444", linewidth=0.8)
    left.set(
        xlim=(0, 1),
        xlabel=f"AUC (grey: heuristics{', orange: other systems' if found.given else ''})",
        title=f"{found.edges:,} labelled edges",
    )
    bins = [each for each in found.metrics[OURS].reliability if each.count]
    right.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=0.8)
    right.plot([each.mean_score for each in bins], [each.fake_share for each in bins], "o-", color="#0f7fbf")
    right.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean fake score", ylabel="share of fakes", title="reliability")
    form = file.suffix.lower().removeprefix(".")
    signed = {"png": "Software", "pdf": "Creator", "ps": "Creator", "eps": "Creator", "svg": "Creator"}.get(form)
    with replaced_file(file) as draft:
        figure.savefig(draft, format=form, dpi=150, metadata={signed: SIGNATURE} if signed else None)


def _figures(metrics: EdgeMetrics) -> tuple[object, ...]:
    figures = (metrics.auc, metrics.average_precision, metrics.precision_at_k)
    return (*figures, metrics.recall_at_1_percent, metrics.recall_at_5_percent, _ece(metrics))


def _ece(metrics: EdgeMetrics) -> object:
    return "-" if math.isnan(metrics.calibration_error) else metrics.calibration_error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
