"""What audits and guarantees keep of what they promise: `python -m tests.benchmarks.audit OUT [--data DATA]`.

200 corruptions are 30 blind fits (the made-up sample of 500 users and, with DATA, 500 users of ciao around one of them,
each with fakes of one kind, of several, or of a kind that no registry knows; see ``corruptions``), of which each gives
as many populations: random parts with a share of fakes of .05 to .3. Each is audited ``DRAWS`` times with 200 answers.
Widths are of further populations with a share of exactly .2. OUT/audit.json holds every cell, OUT/audit.md the table,
OUT/cells the fits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.special import expit

from recdiff.audit.estimate import Answers
from recdiff.audit.guarantee import benjamini_hochberg, chances, p_values
from recdiff.audit.sample import draw
from recdiff.metrics.edges import edge_metrics
from recdiff.metrics.odds import odds_of
from tests.benchmarks.corruptions import Scored, fits, populations
from tests.benchmarks.lines import one_a_line

CORRUPTIONS, DRAWS, SIZE, LEVEL = 200, 5, 200, 0.05
LABELS = 400
"""Known real edges, drawn evenly, of the guarantee beside the audit's; an audit for it has as many answers."""
COLUMNS = (
    "coverage",
    "width at .2",
    "calibration error before",
    "calibration error after",
    "coverage of precision",
    "realised by labels",
    "found by labels",
    "realised by audit",
    "found by audit",
)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    found = list(fits(given.out / "cells", given.data, given.seeds))
    each = -(-CORRUPTIONS // len(found))
    cells = {fit.name: cell(fit, each, number) for number, fit in enumerate(found)}
    (given.out / "audit.json").write_text(one_a_line(cells))
    (given.out / "audit.md").write_text(table(cells, each))


def cell(fit: Scored, count: int, seed: int) -> dict[str, float]:
    """Return the means over ``count`` populations of a fit."""
    rng = np.random.default_rng(seed)
    rows = [audited(part, rng) | promised(part, rng) for part in populations(fit, count, rng) for _ in range(DRAWS)]
    rows += [{"width at .2": width(part, rng)} for part in populations(fit, count, rng, 0.2) for _ in range(DRAWS)]
    told = {name: [row[name] for row in rows if name in row] for name in COLUMNS}
    return {name: round(float(np.nanmean(values)), 4) for name, values in told.items()}


def answers_of(part: Scored, size: int, rng: np.random.Generator) -> Answers:
    """Return the answers of somebody who knows."""
    rows = draw(part.score, size, int(rng.integers(1 << 31))).rows
    return Answers(part.score, rows, part.is_fake[rows])


def width(part: Scored, rng: np.random.Generator) -> float:
    """Return how wide the interval of one audit is."""
    share = answers_of(part, SIZE, rng).share()
    return share.high - share.low


def audited(part: Scored, rng: np.random.Generator) -> dict[str, float]:
    """Return what one audit says of a population, against the truth."""
    answers = answers_of(part, SIZE, rng)
    share, chosen = answers.share(), np.zeros(len(part.score), bool)
    slope, intercept = answers.recalibration()
    score = expit(slope * odds_of(part.score) + intercept)
    chosen = score >= 0.5
    precision = answers.precision(chosen)
    return {
        "coverage": float(share.low <= part.is_fake.mean() <= share.high),
        "calibration error before": edge_metrics(part.is_fake, part.score).calibration_error,
        "calibration error after": edge_metrics(part.is_fake, score).calibration_error,
        "coverage of precision": np.nan
        if precision is None
        else float(precision.low <= part.is_fake[chosen].mean() <= precision.high),
    }


def promised(part: Scored, rng: np.random.Generator) -> dict[str, float]:
    """Return the share of real edges among what a guarantee removes, and of fakes that it finds, by what is known."""
    found = {}
    for by in ("labels", "audit"):
        answers = np.full(len(part.score), -1, np.int8)
        if by == "audit":
            rows = answers_of(part, LABELS, rng).rows
            answers[rows] = part.is_fake[rows]
            real = np.flatnonzero(answers == 0)
        else:
            rows = real = rng.choice(np.flatnonzero(~part.is_fake), LABELS, replace=False)
        rest = np.setdiff1d(np.arange(len(part.score)), rows)
        p = p_values(part.score, real, chances(part.score, answers, real))
        chosen = rest[benjamini_hochberg(p[rest], LEVEL)]
        found[f"realised by {by}"] = float((~part.is_fake[chosen]).mean()) if len(chosen) else 0.0
        found[f"found by {by}"] = float(part.is_fake[chosen].sum() / part.is_fake[rest].sum())
    return found


def table(cells: dict[str, dict[str, float]], each: int) -> str:
    """Return the means as a page."""
    kinds: dict[str, list[dict[str, float]]] = {}
    for name, cell_found in cells.items():
        kinds.setdefault(name.rpartition("-")[0], []).append(cell_found)
    rows = {**kinds, "**all**": list(cells.values())}
    lines = [
        "# Audits and guarantees",
        "",
        f"`python -m tests.benchmarks.audit OUT --data DATA`: {each * len(cells)} corruptions, {each} populations of "
        f"each of {len(cells)} blind fits, {DRAWS} audits of {SIZE} answers each; guarantee {LEVEL}, {LABELS} known "
        "real edges drawn evenly, or an audit with as many answers. Means; see there for what is compared.",
        "",
        f"| corruption | {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * len(COLUMNS)}",
    ]
    for name, found in rows.items():
        means = [f"{np.nanmean([one[column] for one in found]):.3f}" for column in COLUMNS]
        lines.append(f"| {name} | {' | '.join(means)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
