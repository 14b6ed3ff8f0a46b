"""Measure cleaning with Ray against one process on the same machine: same bundle, same ties, interleaved.

    python -m tests.benchmarks.ray_scoring [--users 1000000] [--ties 20000000] [--workers 2] [--repeats 3]
                                           [--work bench-work] [--out docs/benchmarks]

Ray is timed twice: with the start of a cluster on this machine, and on a cluster that is there. Outputs are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.machine.ray_cluster import cluster
from recdiff_export import OnnxScorer
from recdiff_export.stream.local import clean_stream
from tests.benchmarks.scoring import environment, make

THRESHOLD = 0.3


def seconds_of(work: Path, workers: int, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each way to clean edges.parquet, ``repeats`` times each in turn."""

    def local(out: Path) -> None:
        clean_stream(scorer, work / "edges.parquet", out, threshold=THRESHOLD)

    def spread(out: Path) -> None:
        clean_stream(scorer, work / "edges.parquet", out, engine="ray", threshold=THRESHOLD, workers=workers)

    ways: dict[str, tuple[Callable[[Path], None], Callable[[], AbstractContextManager[Any]]]] = {
        "one process": (local, contextlib.nullcontext),
        "ray, started": (spread, contextlib.nullcontext),
        "ray, running": (spread, cluster),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with OnnxScorer.open(work / "onnx", provider="cpu") as scorer:
        for _ in range(repeats):
            for name, (clean, around) in ways.items():
                with around():
                    begun = time.perf_counter()
                    clean(work / name)
                    seconds[name].append(time.perf_counter() - begun)
    return seconds


def largest_difference(work: Path) -> float:
    """Return the largest difference of a score between one process and Ray; the rows must be the same."""
    mine, theirs = (kept(work / name) for name in ("one process", "ray, running"))
    if not mine.select(["src", "dst"]).equals(theirs.select(["src", "dst"])):
        raise SystemExit("Ray kept other ties than one process")
    return float(abs(mine["fake_score"].to_numpy() - theirs["fake_score"].to_numpy()).max())


def kept(out: Path) -> pa.Table:
    """Return the ties kept in ``out``, in order."""
    whole = out / "kept.parquet"
    return pq.read_table(whole if whole.exists() else out / "kept")


def page(found: dict[str, Any]) -> str:
    """Return the figures as a page."""
    setting = found["environment"]
    base = statistics.median(found["seconds"]["one process"])
    head = (
        f"# Cleaning with Ray\n\n{found['ties']:,} ties, {found['users']:,} users, {found['workers']} workers on one "
        f"machine, {setting['cores']} cores of {setting['processor']}; load average before: "
        f"{setting['load_before']:.1f}.\nLargest difference of a score from one process: "
        f"{found['largest_difference']:.1e}.\nMade by `python -m tests.benchmarks.ray_scoring`.\n\n"
        "| way | median seconds | spread | against one process |\n|---|---|---|---|\n"
    )
    rows = ""
    for name, seconds in found["seconds"].items():
        middle = statistics.median(seconds)
        rows += f"| {name} | {middle:.1f} | {min(seconds):.1f} to {max(seconds):.1f} | {middle / base:.2f} |\n"
    return head + rows


def main() -> None:
    """Make the input, measure, compare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--ties", type=int, default=20_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("bench-work"))
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    found: dict[str, Any] = {name: getattr(args, name) for name in ("users", "ties", "workers")}
    found["environment"] = environment()
    make(args.work, args.users, args.ties, None)
    found["seconds"] = seconds_of(args.work, args.workers, args.repeats)
    found["largest_difference"] = largest_difference(args.work)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "ray-scoring.json").write_text(json.dumps(found, indent=2) + "\n")
    (args.out / "ray-scoring.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
