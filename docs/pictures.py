"""Draw the pictures of the documentation: ``python docs/pictures.py FOLDER``.

FOLDER holds ``data`` and ``recdiff-model``, as ``recdiff-sdk sample data/`` and ``recdiff-sdk fit data/`` leave them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import matplotlib
import matplotlib.patches
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recdiff import RecDiff
from recdiff.data.labels import read_labels
from recdiff.evaluation.edge_report import OURS, verdict
from recdiff.model.explained import Explainer

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
ICON = ROOT / "export" / "recdiff_export" / "review" / "page" / "icon.svg"
INK, PALE, FAKE, REAL = "#24292f", "#9aa5b1", "#c8692a", "#0f7fbf"
WORDS = {
    "place": "where the two lie in the graph",
    "degree": "how many friends they have",
    "taste": "what they like",
    "use": "how much they and their friends use",
    "denoising": "what denoising says",
    "answers": "how invitations are answered",
    "group": "the group they are in",
    "company": "the other ties of the two",
    "unseen": "networks that never saw the tie",
}
BOXES = {
    "data": (0.2, 1.5, "data folder\nor data frames"),
    "dataset": (2.6, 1.5, "SocialDataset\nids kept, rows checked"),
    "scorer": (5.0, 2.45, "scorer\nout of fold, calibrated"),
    "recommender": (5.0, 0.55, "recommender\nchosen on validation"),
    "model": (7.4, 1.5, "model folder\nplain files, hashes"),
    "clean": (9.8, 2.7, "clean-edges\naccounts, audit, review"),
    "bundle": (9.8, 1.5, "ONNX bundle\nserve, without torch"),
    "recommend": (9.8, 0.3, "recommend\ntop items per user"),
}
ARROWS = (
    ("data", "dataset"),
    ("dataset", "scorer"),
    ("dataset", "recommender"),
    ("scorer", "model"),
    ("recommender", "model"),
    ("model", "clean"),
    ("model", "bundle"),
    ("model", "recommend"),
)
WIDE, HIGH = 2.05, 0.8


def flow() -> Figure:
    """From data to what is handed on."""
    figure, axes = _blank(9.5, 2.9)
    for x, y, text in BOXES.values():
        axes.add_patch(
            matplotlib.patches.FancyBboxPatch((x, y), WIDE, HIGH, "round,pad=0,rounding_size=.1", fc="#eef3fb", ec=REAL)
        )
        first, _, second = text.partition("\n")
        axes.text(x + WIDE / 2, y + 0.52, first, ha="center", va="center", fontsize=9, weight="bold", color=INK)
        axes.text(x + WIDE / 2, y + 0.24, second, ha="center", va="center", fontsize=7.5, color=INK)
    for one, other in ARROWS:
        start = BOXES[one][0] + WIDE, BOXES[one][1] + HIGH / 2
        end = BOXES[other][0], BOXES[other][1] + HIGH / 2
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": PALE, "shrinkA": 1, "shrinkB": 1})
    axes.set(xlim=(0.1, 12), ylim=(0.1, 3.7))
    axes.set_axis_off()
    return figure


def waterfall(model: RecDiff) -> Figure:
    """What the parts of the evidence add to the log odds of the most suspicious edge."""
    fitted = model.fitted_
    row = int(np.argmax(fitted.scores))
    found = Explainer(fitted).parts(fitted.pairs[row][None])
    if found is None:
        raise SystemExit("the model's fit kept no columns; fit it again")
    parts = sorted(found.parts.items(), key=lambda each: -abs(each[1]))
    labels = ["edges on average", *(WORDS[name] for name, _ in parts), f"fake_score {fitted.scores[row]:.2f}"]
    steps = [found.base, *(added for _, added in parts)]
    figure, axes = _blank(7.5, 3.8)
    reached = 0.0
    for place, step in enumerate(steps):
        axes.barh(place, step, left=reached, color=PALE if place == 0 else FAKE if step > 0 else REAL, height=0.6)
        axes.text(max(reached, reached + step) + 0.06, place, f"{step:+.2f}", va="center", fontsize=8, color=INK)
        reached += step
        axes.plot([reached, reached], [place - 0.3, place + 1.3], color=PALE, linewidth=0.7)
    axes.barh(len(steps), reached, color=INK, height=0.6)
    axes.text(max(reached, 0) + 0.06, len(steps), f"{reached:+.2f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.axvline(0, color=INK, linewidth=0.7)
    src, dst = fitted.users.take(fitted.pairs[row]).to_pylist()
    axes.set_xlabel(f"log odds that the tie {src} - {dst} is fake", fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, labelsize=8)
    return figure


def reliability(model: RecDiff, truth: Path) -> Figure:
    """Of the edges with a score, how many are fake: on the sample, found without labels."""
    found = verdict(model.fitted_, read_labels(truth, model.fitted_.users)).metrics[OURS]
    bins = [each for each in found.reliability if each.count]
    figure, axes = _blank(4.6, 3.8)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=0.8)
    axes.plot([each.mean_score for each in bins], [each.fake_share for each in bins], color=REAL, linewidth=1.2)
    sizes = [6 + 60 * each.count / found.count for each in bins]
    axes.scatter([each.mean_score for each in bins], [each.fake_share for each in bins], sizes, color=REAL, zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("mean fake score", fontsize=8)
    axes.set_ylabel("share of planted fakes", fontsize=8)
    axes.set_title(f"{found.count:,} ties, ECE {found.calibration_error:.3f}", fontsize=9)
    axes.tick_params(labelsize=8)
    return figure


def _blank(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots()


def main(folder: Path) -> None:
    """Write all pictures."""
    model = RecDiff.load(folder / "recdiff-model")
    figures = {
        "flow": flow(),
        "waterfall": waterfall(model),
        "reliability": reliability(model, folder / "data" / "truth.parquet"),
    }
    PICTURES.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "recdiff-sdk"}):
        for name, figure in figures.items():
            figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None, "Creator": "recdiff-sdk"})
    shutil.copyfile(ICON, PICTURES / "icon.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
