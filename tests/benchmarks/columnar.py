"""Measure polars against pyarrow at what this project asks of a columnar library.

    python tests/benchmarks/columnar.py [--ties 5000000] [--users 1000000] [--repeats 3]

Every measurement runs in a process of its own, the two libraries in turn, and the best time counts; memory is that
process's peak above what it had after importing. Needs polars, which the project itself does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.parquet as pq

SMALL = 65_536
TASKS = {
    "csv": "read csv, two text ids a row",
    "parquet": "read Parquet, two text ids and a score",
    "lookup": "text ids to positions, all rows at once",
    "lookup_small": f"text ids to positions, {SMALL:,} rows",
    "lookup_integers": "integer ids to positions, all rows at once",
    "stream": "stream Parquet to Parquet, keep score < 0.3",
    "ours_lookup": "text ids to positions, all rows at once: `Ids.index`",
    "ours_lookup_small": f"text ids to positions, {SMALL:,} rows: `Ids.index`",
    "ours_stream": "stream Parquet to Parquet, keep score < 0.3: `iter_edge_batches`",
}
PYARROW_ONLY = frozenset(task for task in TASKS if task.startswith("ours"))


def make(folder: Path, ties: int, users: int) -> None:
    """Write the inputs: ids.parquet, edges.csv, edges.parquet, numbers.parquet."""
    rng = np.random.default_rng(0)
    digits = pc.utf8_lpad(pa.array(np.arange(users)).cast(pa.string()), 8, "0")
    ids = pc.binary_join_element_wise(pa.array(["user"] * users), digits, "-")
    ends = rng.integers(0, users, (2, ties))
    edges = pa.table({"src": ids.take(pa.array(ends[0])), "dst": ids.take(pa.array(ends[1]))})
    pacsv.write_csv(edges, folder / "edges.csv", pacsv.WriteOptions(quoting_style="none"))
    edges = edges.append_column("fake_score", pa.array(rng.random(ties)))
    pq.write_table(edges, folder / "edges.parquet", row_group_size=1 << 20)
    pq.write_table(pa.table({"id": ids}), folder / "ids.parquet")
    # Far apart, so that no library can use a plain table.
    known = np.unique(rng.integers(0, 2**62, users))
    pq.write_table(pa.table({"id": known}), folder / "known.parquet")
    pq.write_table(pa.table({"src": known[rng.integers(0, len(known), ties)]}), folder / "numbers.parquet")


def prepare_pyarrow(task: str, folder: Path) -> Callable[[], object]:
    """Return what is timed for pyarrow; inputs that do not count are loaded before."""
    if task == "csv":
        return lambda: pacsv.read_csv(folder / "edges.csv")
    if task == "parquet":
        return lambda: pq.read_table(folder / "edges.parquet")
    if task == "stream":
        return lambda: stream_pyarrow(folder)
    if task == "ours_stream":
        return lambda: stream_ours(folder)
    known, asked = lookup_inputs(task, folder)
    if task.startswith("ours"):
        from recdiff.data.ids import Ids

        ids = Ids(known)
        ids.index(asked)
        return lambda: ids.index(asked)
    return lambda: pc.index_in(asked, value_set=known)


def lookup_inputs(task: str, folder: Path) -> tuple[pa.Array, pa.Array]:
    integers = task == "lookup_integers"
    known = pq.read_table(folder / ("known.parquet" if integers else "ids.parquet"))["id"].combine_chunks()
    asked = pq.read_table(folder / ("numbers.parquet" if integers else "edges.parquet"), columns=["src"])["src"]
    asked = asked.combine_chunks()
    return known, asked.slice(0, SMALL) if task.endswith("small") else asked


def stream_pyarrow(folder: Path) -> None:
    source = pads.dataset(folder / "edges.parquet")
    with pq.ParquetWriter(folder / "kept-pyarrow.parquet", source.schema) as writer:
        for batch in source.to_batches(filter=pads.field("fake_score") < 0.3, batch_size=1 << 20):
            writer.write_batch(batch)


def stream_ours(folder: Path) -> None:
    from recdiff.data.edge_stream import open_edges

    edges = open_edges(folder / "edges.parquet")
    with pq.ParquetWriter(folder / "kept-ours.parquet", edges.schema) as writer:
        for batch in edges.batches():
            writer.write_batch(batch.filter(pc.less(batch.column("fake_score"), 0.3)))


def prepare_polars(task: str, folder: Path) -> Callable[[], object]:
    """Return what is timed for polars."""
    import polars as pl

    if task == "csv":
        return lambda: pl.read_csv(folder / "edges.csv")
    if task == "parquet":
        return lambda: pl.read_parquet(folder / "edges.parquet")
    if task == "stream":
        frame = pl.scan_parquet(folder / "edges.parquet").filter(pl.col("fake_score") < 0.3)
        return lambda: frame.sink_parquet(folder / "kept-polars.parquet", compression="snappy")
    known, asked = lookup_inputs(task, folder)
    table = pl.DataFrame({"id": known}).with_row_index("position")
    rows = pl.DataFrame({"id": asked})
    return lambda: rows.join(table, on="id", how="left", maintain_order="left")


def measure(library: str, task: str, folder: Path) -> dict[str, float]:
    """Run one task once in this process."""
    prepare = prepare_pyarrow if library == "pyarrow" else prepare_polars
    run = prepare(task, folder)
    before = peak()
    started = time.perf_counter()
    run()
    return {"seconds": time.perf_counter() - started, "mebibytes": peak() - before}


def peak() -> float:
    """Return this process's largest resident size so far (Linux; getrusage would count the parent's too)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def compare(folder: Path, repeats: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return per task and library the best time and the smallest peak of ``repeats`` processes."""
    found: dict[str, dict[str, dict[str, float]]] = {task: {} for task in TASKS}
    for _ in range(repeats):
        for task in TASKS:
            for library in ("pyarrow",) if task in PYARROW_ONLY else ("pyarrow", "polars"):
                once = in_process(library, task, folder)
                best = found[task].setdefault(library, once)
                found[task][library] = {key: min(best[key], once[key]) for key in once}
    return found


def in_process(library: str, task: str, folder: Path) -> dict[str, float]:
    call = [sys.executable, __file__, "--one", library, task, str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| task | pyarrow s | polars s | polars / pyarrow | pyarrow MiB | polars MiB |",
        "|---|---|---|---|---|---|",
    ]
    for task, text in TASKS.items():
        ours, theirs = found[task]["pyarrow"], found[task].get("polars")
        if theirs is None:
            lines.append(f"| {text} | {ours['seconds']:.3f} | | | {ours['mebibytes']:.0f} | |")
            continue
        ratio = theirs["seconds"] / ours["seconds"]
        lines.append(
            f"| {text} | {ours['seconds']:.3f} | {theirs['seconds']:.3f} | {ratio:.2f} "
            f"| {ours['mebibytes']:.0f} | {theirs['mebibytes']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ties", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("LIBRARY", "TASK", "FOLDER"))
    args = parser.parse_args()
    if args.one:
        library, task, folder = args.one
        print(json.dumps(measure(library, task, Path(folder))))
        return
    with tempfile.TemporaryDirectory() as work:
        make(Path(work), args.ties, args.users)
        found = compare(Path(work), args.repeats)
    report: dict[str, Any] = {name: version(name) for name in ("pyarrow", "polars", "numpy")}
    about = ", ".join(f"{name} {value}" for name, value in report.items())
    print(f"{args.ties:,} ties, {args.users:,} users; {about}; {platform.machine()}, {os.cpu_count()} cores\n")
    print(table(found))


if __name__ == "__main__":
    main()
