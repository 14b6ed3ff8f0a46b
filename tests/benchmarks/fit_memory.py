"""What a fit of the scorer holds at most, and what reading its ties from a folder of Parquet files does.

    python -m tests.benchmarks.fit_memory [--users 100000] [--ties 10000000] [--parts 20] [--quick] [--no-fit]
                                           [--folder bench-work]

Ties are made up part by part and kept in the folder. Each line says what the process held beyond what it began with:
its own memory (RssAnon of Linux), looked at every 20 milliseconds. ``--quick`` makes few steps and iterations, on which
memory does not depend, and learns from few pairs, which take the same memory whatever the ties.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.config.scorer import ClassifierConfig, EvidenceConfig, MixtureConfig, ScorerConfig, TableConfig
from recdiff.graph.social_graph import SocialGraph

ROOT = Path(__file__).resolve().parents[2]
COMMUNITY = 500
NEAR = 0.7
"""Share of ties that stay within a community of neighbouring numbers."""
TAIL = 1.8
"""Exponent of how many ties users have (Pareto)."""
FEW_STEPS = ClassifierConfig(epochs=1, least_steps=10)
QUICK = ScorerConfig(
    least_pairs=2_000,
    most_pairs=2_000,
    worthwhile=0.0,
    table=TableConfig(iterations=1, more_iterations=1),
    evidence=EvidenceConfig(epochs=1, least_steps=10),
    classifier=FEW_STEPS,
    accounts=FEW_STEPS,
    rings=FEW_STEPS,
    mixture=MixtureConfig(draws=200, moves=1),
)
Made = TypeVar("Made")


def make(folder: Path, users: int, ties: int, parts: int) -> Path:
    """Write ``ties`` ties of ``users`` users, a few of them twice, in ``parts`` files; return the data folder."""
    data = folder / f"ties-{users}-{ties}-{parts}"
    if (data / "done").is_file():
        return data
    (data / "social.parquet").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    ticket = np.cumsum(rng.pareto(TAIL, users) + 1.0)
    for part, count in enumerate(np.diff(np.linspace(0, ties, parts + 1).astype(np.int64)).tolist()):
        src, other = (np.searchsorted(ticket, rng.random(count) * ticket[-1]) for _ in range(2))
        close = np.minimum(src // COMMUNITY * COMMUNITY + rng.integers(0, COMMUNITY, count), users - 1)
        dst = np.where(rng.random(count) < NEAR, close, other)
        table = pa.table({"src": src.astype(np.int64), "dst": dst.astype(np.int64)})
        pq.write_table(table, data / "social.parquet" / f"part-{part:04}.parquet")
    (data / "done").touch()
    return data


def held() -> float:
    """Return how many bytes the process holds of its own."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


@contextmanager
def watched(found: list[float]) -> Iterator[None]:
    """Add the most that is held while the block runs to ``found``."""
    stop, most = threading.Event(), [held()]

    def watch() -> None:
        while not stop.wait(0.02):
            most[0] = max(most[0], held())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        found.append(max(most[0], held()))


def measured(name: str, ties: int, begun: float, work: Callable[[], Made]) -> Made:
    """Print what ``work`` held at most, and return what it returned."""
    found: list[float] = []
    start = time.perf_counter()
    with watched(found):
        made = work()
    more = found[0] - begun
    seconds = time.perf_counter() - start
    print(f"{name:24} {more / 1e9:7.2f} GB  {more / ties:7.1f} bytes a tie  {seconds:8.1f} s", flush=True)
    return made


def main() -> int:
    """Make the ties, read them and fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--ties", type=int, default=10_000_000)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-fit", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "bench-work")
    options = parser.parse_args()
    folder = make(options.folder, options.users, options.ties, options.parts)
    from recdiff.data.dataset import SocialDataset
    from recdiff.scorer.fit import fit_scorer
    from recdiff.scorer.fitted import Scorer

    begun = held()
    data = measured("reading the folder", options.ties, begun, lambda: SocialDataset.read(folder, directed=False))
    if not options.no_fit:
        config, users = QUICK if options.quick else ScorerConfig(), len(data.users)

        def fit() -> Scorer:
            return fit_scorer(SocialGraph(data.edges, users, False), None, config, seed=0)

        measured("data held, and fitting", options.ties, begun, fit)
    print(f"{len(data.users):,} users, {len(data.edges):,} ties, {options.parts} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
