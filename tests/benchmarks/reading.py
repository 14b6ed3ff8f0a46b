"""Time making, reading and describing samples, and streaming their ties.

python -m tests.benchmarks.reading [--users 3000 100000 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from recdiff.data.dataset import SocialDataset
from recdiff.data.edge_stream import open_edges
from recdiff.data.summary import describe
from recdiff.sample.folder import write_sample

T = TypeVar("T")


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds ``run`` took, and what it returned."""
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def row(users: int) -> str:
    """Return one line of the table for a sample of ``users``."""
    with tempfile.TemporaryDirectory() as work:
        made, sample = timed(lambda: write_sample(work, users))
        read, dataset = timed(lambda: SocialDataset.read(work))
        told, _ = timed(lambda: describe(dataset))
        social = next(Path(work).glob("social.*"))
        streamed, rows = timed(lambda: sum(batch.num_rows for batch in open_edges(social).batches()))
    counts = f"{users:,} | {sample.interactions.num_rows:,} | {rows:,}"
    return f"| {counts} | {made:.2f} | {read:.2f} | {told:.2f} | {streamed:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, nargs="+", default=[3_000, 100_000, 1_000_000])
    args = parser.parse_args()
    print("| users | interactions | rows of ties | sample s | read s | describe s | stream ties s |")
    print("|---|---|---|---|---|---|---|")
    for users in args.users:
        print(row(users), flush=True)


if __name__ == "__main__":
    main()
