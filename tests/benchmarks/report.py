"""A run of the benchmark as a table and as a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

VERDICT = {None: "", True: "yes", False: "no"}


def write_table(file: Path, report: dict[str, Any]) -> None:
    """Write machine, versions and every result as Markdown."""
    machine = report["machine"]
    card = "" if machine["cuda_device"] == "none" else f", {machine['cuda_device']}"
    lines = [
        "# Speed and memory",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB{card}; "
        + ", ".join(f"{name} {version}" for name, version in report["versions"].items())
        + ".",
        "`make bench` measures it again. `naive` is the published loop rendered plainly: studies/unoptimised.py.",
        "",
        "| what | median | least to most | repeats | required | aim | met | remark |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in report["results"].items():
        unit = f" {result['unit']}" if result["unit"] else ""
        limits = ("" if result[key] is None else f"{_number(result[key])}{unit}" for key in ("required", "aim"))
        spread = " to ".join(_number(value) for value in result["spread"])
        threads = f"{result['threads']} threads" if result["threads"] > 1 else "1 thread"
        remark = ", ".join(part for part in (result["note"], _clock(result), threads) if part)
        cells = [name, f"{_number(result['median'])}{unit}", spread, str(len(result["samples"])), *limits]
        lines.append(f"| {' | '.join([*cells, VERDICT[result['met']], remark])} |")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _clock(result: dict[str, Any]) -> str:
    return "processor time" if result["clock"] == "cpu" and result["unit"] in ("s", "x", "ties/s") else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write_plot(file: Path, report: dict[str, Any]) -> None:
    """Draw the ratios beside their limits, and time over size of the generated graphs, whichever were measured."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    results = report["results"]
    ratios = {name: each for name, each in results.items() if each["unit"] == "x"}
    drawn: list[tuple[Callable[[Any, dict[str, Any]], None], dict[str, Any]]]
    drawn = [(_draw_ratios, ratios)] if ratios else []
    drawn += [(_draw_growth, results)] if any(name.startswith("generated-") for name in results) else []
    figure = plt.figure(figsize=(6 * max(1, len(drawn)), 4.5), layout="constrained")
    for place, (draw, shown) in enumerate(drawn, start=1):
        draw(figure.add_subplot(1, len(drawn), place), shown)
    figure.savefig(file, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _draw_ratios(axes: Any, ratios: dict[str, dict[str, Any]]) -> None:
    for row, (name, each) in enumerate(ratios.items()):
        low, high = each["spread"]
        axes.barh(row, each["median"], color="#4878a8")
        axes.plot([low, high], [row, row], color="black", linewidth=1.5)
        for key, style in (("required", "--"), ("aim", ":")):
            if each[key] is not None:
                axes.plot([each[key]] * 2, [row - 0.4, row + 0.4], style, color="#a03030")
        axes.text(0, row + 0.44, name, fontsize=8, va="bottom")
    axes.set_yticks([])
    limits = "dashed: required, dotted: aim; " if any(each["required"] is not None for each in ratios.values()) else ""
    axes.set_xlabel(f"times less than naive ({limits}line: spread)")


def _draw_growth(axes: Any, results: dict[str, dict[str, Any]]) -> None:
    curves: dict[str, list[tuple[int, float]]] = {}
    for name, each in results.items():
        data, _, what = name.partition("/")
        if data.startswith("generated-") and each["unit"] == "s":
            curves.setdefault(what, []).append((int(data.removeprefix("generated-")), each["median"]))
    for what, points in curves.items():
        axes.loglog(*zip(*sorted(points), strict=True), marker="o", label=what)
    if curves:
        axes.legend(fontsize=8)
    axes.set_xlabel("users of a generated graph (10 interactions and 20 ties each)")
    axes.set_ylabel("seconds")
