"""Study: how time and memory of a training step grow, beside the article's formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from recdiff.config import PaperConfig
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Cell, Result
from recdiff.studies.lab.scaling import Size, numbers_kept, operations, run_scaling
from recdiff.studies.page.figures import COLOURS, MARKERS, canvas, round_ticks
from recdiff.studies.page.findings import Figure, Findings, Summary
from recdiff.studies.page.tidy import Row, distinct, table_of, where
from recdiff.studies.page.wording import listed, seconds, short
from recdiff.studies.systems.code import code_of

AXES = {"users": "users U", "interactions": "interactions R", "ties": "ties S", "width": "width D"}
FACTORS, QUICK_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0.5, 1.0, 2.0, 4.0)
WIDTHS, QUICK_WIDTHS = (16, 32, 64, 128, 256), (32, 64, 128)
_MEBI = 2**20


@dataclass(frozen=True)
class Growth:
    """A fitted exponent and the formula's own over the same sizes.

    Attributes:
        measured, formula: slopes of log(quantity) against log(size).
        spread: standard error of ``measured``.
    """

    measured: float
    formula: float
    spread: float


def run(bench: Bench) -> Findings:
    """Measure along each axis, the other sizes being those of the data set."""
    points = _points(bench)
    settings = [{**asdict(size), "repeats": bench.budget.repeats} for _, size in points]
    code = code_of([run_scaling.__module__])
    cells = [Cell("scaling", each, bench.budget.seeds[0], "random graphs", code) for each in settings]
    results = bench.results(cells, "complexity", alone=True)
    rows = [_row(axis, size, result) for (axis, size), result in zip(points, results, strict=True)]
    growths = {
        (axis, quantity): growth(where(rows, axis=axis), quantity)
        for axis in AXES
        for quantity in ("seconds", "bytes")
        if all(row[quantity] for row in rows)
    }
    return Findings(table_of(rows), (_summary(rows, growths),), (_figure(rows),), _says(rows, growths))


def _points(bench: Bench) -> list[tuple[str, Size]]:
    data, quick = bench.dataset, bench.budget.quick
    base = Size(len(data.users), len(data.items), int(data.train.nnz), len(data.edges), PaperConfig().width)
    points = [
        (axis, replace(base, **{axis: max(2, round(getattr(base, axis) * factor))}))
        for axis in ("users", "interactions", "ties")
        for factor in (QUICK_FACTORS if quick else FACTORS)
    ]
    return points + [("width", replace(base, width=width)) for width in (QUICK_WIDTHS if quick else WIDTHS)]


def _row(axis: str, size: Size, result: Result) -> Row:
    times = result.values["seconds"]
    config, batch = PaperConfig(width=size.width), result.values["batch"]
    return {
        "axis": axis,
        **asdict(size),
        "batch": batch,
        # The fastest repetition is what other work on the machine disturbs least.
        "seconds": float(np.min(times)),
        "seconds_median": float(np.median(times)),
        "bytes": result.values["bytes"],
        "formula_multiplications": operations(size, config, batch),
        "formula_floats": numbers_kept(size, config, batch),
        "repeats": len(times),
        "threads": result.values["threads"],
        "seed": result.cell.seed,
    }


def growth(rows: Sequence[Row], quantity: str) -> Growth:
    """Fit the exponent of ``quantity`` ("seconds" or "bytes") along the rows' axis, and the formula's."""
    x = np.log([row[row["axis"]] for row in rows])
    formula = "formula_multiplications" if quantity == "seconds" else "formula_floats"
    measured, spread = _slope(x, np.log([row[quantity] for row in rows]))
    return Growth(measured, _slope(x, np.log([row[formula] for row in rows]))[0], spread)


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the least-squares slope of y on x and its standard error."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    left = y - y.mean() - slope * centred
    freedom = max(1, len(x) - 2)
    return slope, float(np.sqrt(left @ left / freedom / (centred @ centred)))


def _summary(rows: Sequence[Row], growths: dict[tuple[str, str], Growth]) -> Summary:
    body = []
    for axis, label in AXES.items():
        part = where(rows, axis=axis)
        first, last = part[0], part[-1]
        cells = [
            label,
            f"{first[axis]:,} to {last[axis]:,}",
            f"{seconds(first['seconds'])} to {seconds(last['seconds'])}",
        ]
        for quantity in ("seconds", "bytes"):
            found = growths.get((axis, quantity))
            cells += (
                ["–", "–"] if found is None else [f"{found.measured:.2f} ± {found.spread:.2f}", f"{found.formula:.2f}"]
            )
        body.append(tuple(cells))
    columns = ("grows", "from, to", "time of a step", "time exponent", "formula", "memory exponent", "formula")
    note = (
        "An exponent of 1 means twice the size costs twice as much. The formula's exponent is the slope of its own "
        "count over the same sizes: a term that is small beside the others lowers it. ± is one standard error of "
        "the fit. A step's time is its fastest repetition, on one core."
    )
    return Summary("Fitted exponents", columns, tuple(body), note)


def _figure(rows: Sequence[Row]) -> Figure:
    known = all(row["bytes"] for row in rows)
    with canvas("growth", 2 if known else 1, 4, size=(9.6, 4.4 if known else 2.4), sharey="row") as shape:
        for place, (axis, label) in enumerate(AXES.items()):
            part = where(rows, axis=axis)
            x = [row[axis] for row in part]
            _growth_axis(
                shape.axes[place],
                x,
                part=part,
                quantity="seconds",
                formula="formula_multiplications",
                unit=1e3,
                label=label,
                place=place,
            )
            if known:
                _growth_axis(
                    shape.axes[4 + place],
                    x,
                    part=part,
                    quantity="bytes",
                    formula="formula_floats",
                    unit=1 / _MEBI,
                    label=label,
                    place=place,
                )
        shape.axes[0].set_ylabel("milliseconds a step")
        if known:
            shape.axes[4].set_ylabel("MiB at peak")
        caption = (
            f"Time {'and peak memory ' if known else ''}of one training step, all other sizes as in the data set; both "
            "scales are logarithmic. Dashed: the formula's count, scaled to meet the middle measurement."
        )
        return shape.figure_of("growth", caption)


def _growth_axis(axis, x, *, part, quantity, formula, unit, label, place) -> None:  # type: ignore[no-untyped-def]
    y = [row[quantity] * unit for row in part]
    middle = len(part) // 2
    scale = y[middle] / part[middle][formula]
    axis.plot(x, [row[formula] * scale for row in part], color=COLOURS[8], linestyle="--", linewidth=1.2)
    axis.plot(x, y, color=COLOURS[place], marker=MARKERS[place])
    axis.set(xscale="log", yscale="log", xlabel=label)
    axis.set_xticks(x, [short(size) for size in x], rotation=45 if len(x) > 4 else 0)
    axis.minorticks_off()
    round_ticks(axis.yaxis)


def _says(rows: Sequence[Row], growths: dict[tuple[str, str], Growth]) -> tuple[str, ...]:
    time = {axis: growths[axis, "seconds"] for axis in distinct(rows, "axis")}
    steepest = max(time, key=lambda axis: time[axis].measured)
    flattest = min(time, key=lambda axis: time[axis].measured)
    far = [AXES[axis] for axis in time if abs(time[axis].measured - time[axis].formula) > 0.2 + 2 * time[axis].spread]
    text = (
        f"Time grows fastest with {AXES[steepest]} (exponent {time[steepest].measured:.2f}) and slowest with "
        f"{AXES[flattest]} ({time[flattest].measured:.2f}). "
    )
    if far:
        text += f"The formula predicts another exponent (by more than .2 and two standard errors) for {listed(far)}."
    else:
        text += "Along every axis the measured exponent agrees with the formula's within .2 and two standard errors."
    if ("users", "bytes") not in growths:
        return (text, "Memory was not measured: this system does not tell a process its peak.")
    memory = {axis: growths[axis, "bytes"] for axis in time}
    hungry = max(memory, key=lambda axis: memory[axis].measured)
    linear = "faster" if memory[hungry].measured > 1.1 else "no faster"
    most = f"Memory grows most with {AXES[hungry]} (exponent {memory[hungry].measured:.2f}), {linear} than linearly."
    return (text, most)
