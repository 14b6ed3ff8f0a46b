"""What a fit takes on a card, in minutes.

python -m tests.benchmarks.on_card [--device cuda] [--users N ...] [--out FILE]

Writes its JSON file after each measurement and prints a table at the end, then runs the tests marked "gpu". It needs
torch, NumPy, SciPy, PyArrow and pytest, and no network. Data sets are read where RECDIFF_DATA names them; the others
are made up. With --device cpu it shows that it runs; the figures mean nothing then.

Use of a card is the mean of what nvidia-smi says every tenth of a second while a fit runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from recdiff.config.recommender import RecommenderConfig
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.fakes.injection import corrupt
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.recommender.fit import fit_recommender
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.fitted import Scorer
from recdiff.studies.lab.provenance import machine, now, versions
from tests.benchmarks.data import is_here, read
from tests.benchmarks.generated import of_size

ROOT = Path(__file__).resolve().parents[2]
PASSES = 10
SHARE = 0.2


@dataclass
class Run:
    """What was measured so far.

    Attributes:
        device: "cuda" or "cpu". out: where it is written.
        rows: one per measurement.
    """

    device: Literal["cuda", "cpu"]
    out: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, name: str, work: Callable[[], Any], *, repeats: int = 2, **told: Any) -> Any:
        """Measure ``work`` ``repeats`` times, write all down and return what it returned last."""
        seconds, use, found = [], [], None
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for _ in range(repeats):
            with _used(self.device) as seen:
                start = time.perf_counter()
                found = work()
                if self.device == "cuda":
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - start)
            use.append(float(np.mean(seen)) if seen else None)
        row = {"name": name, "seconds": seconds, "use": use, **told}
        if self.device == "cuda":
            row["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self.rows.append(row)
        self.write()
        print(f"{name:44} {min(seconds):8.2f} s   {row}", flush=True)
        return found

    def write(self) -> None:
        """Write all rows and what they were measured on."""
        card = torch.cuda.get_device_name() if self.device == "cuda" else "none"
        told = {"written": now(), "machine": machine(), "versions": versions(), "card": card, "device": self.device}
        self.out.write_text(json.dumps(told | {"rows": self.rows}, indent=1) + "\n", encoding="utf-8")
        self.out.with_suffix(".md").write_text(_page(told, self.rows), encoding="utf-8")


def _page(told: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the page of a run: a line per measurement."""
    named = ", ".join(f"{name} {version}" for name, version in sorted(told["versions"].items()))
    head = [
        "# Fits on a card",
        "",
        f"Written by `make bench-card` on {told['written']}: card {told['card']}, {told['machine']['processor']}, "
        f"{told['machine']['cores']} cores, {told['machine']['memory_gib']} GiB; {named}.",
        "The first run of a process also loads libraries. Use is the mean of nvidia-smi's, ten times a second.",
        "",
        "| what | seconds, best | all runs | mean use of the card | most memory | remark |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_line, rows)]) + "\n"


def _line(row: dict[str, Any]) -> str:
    every = ", ".join(f"{each:.2f}" for each in row["seconds"])
    use = ", ".join(f"{each:.0f} %" for each in row["use"] if each is not None) or "-"
    memory = f"{row['peak_gb']:.1f} GB" if "peak_gb" in row else "-"
    known = {"name", "seconds", "use", "peak_gb"}
    remark = "; ".join(f"{key} {value}" for key, value in row.items() if key not in known)
    return f"| {row['name']} | {min(row['seconds']):.2f} | {every} | {use} | {memory} | {remark} |"


@contextmanager
def _used(device: str) -> Iterator[list[float]]:
    """Yield a list that fills with the use of the card, in percent, while the block runs."""
    seen: list[float] = []
    if device != "cuda":
        yield seen
        return
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = process.stdout

        def read_on() -> None:
            seen.extend(float(line) for line in lines or ())

        reader = threading.Thread(target=read_on, daemon=True)
        reader.start()
        try:
            yield seen
        finally:
            process.terminate()
            reader.join(timeout=2)


def scorers(run: Run, users: list[int]) -> None:
    """Measure fits of the scorer; on ciao with fakes, beside the processor's scores."""
    if is_here("ciao"):
        data = read("ciao")
        graph = SocialGraph(data.edges, data.train.shape[0], False)
        made = corrupt(graph, kind="uniform", share=SHARE, mode="replace", rng=np.random.default_rng(1))

        def fitted(device: str) -> Scorer:
            return fit_scorer(made.graph, data.train, ScorerConfig(), seed=0, device=device)

        card = run.measure("scorer/ciao", lambda: fitted(run.device), repeats=3)
        processor = run.measure("scorer/ciao, processor", lambda: fitted("cpu"), repeats=1)
        aucs = [auc(made.is_fake, each.edge_scores) for each in (card, processor)]
        shares = [each.fake_share for each in (card, processor)]
        run.rows[-1] |= {
            name: ", ".join(f"{value:.4f}" for value in values)
            for name, values in (("auc on the card, here", aucs), ("share", shares))
        }
        run.write()
    for count in users:
        many = of_size(count)
        run.measure(
            f"scorer/{count:,} users, {len(many.edges):,} ties",
            partial(fit_scorer, many.graph, many.train, ScorerConfig(), seed=0, device=run.device),
        )


def recommenders(run: Run, users: list[int]) -> None:
    """Measure the default recommender: graph building and ``PASSES`` passes, nothing searched."""
    config = RecommenderConfig(steps=PASSES, search=False)
    for count in users:
        data = of_size(count)
        run.measure(
            f"recommender/{count:,} users, {PASSES} passes",
            partial(fit_recommender, config, data.train, data.graph, data.validation, 0, device=run.device),
        )


def whole_fits(run: Run) -> None:
    """Measure whole fits of data sets that are here."""
    from recdiff.estimator import RecDiff

    for name in filter(is_here, ("ciao", "epinions")):
        data: SocialDataset = read(name)
        run.measure(f"fit/{name}", partial(RecDiff(device=run.device).fit, data), repeats=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, test; return the tests' status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--users", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "card.json")
    parser.add_argument("--no-tests", action="store_true")
    options = parser.parse_args(arguments)
    run = Run(options.device, options.out)
    scorers(run, options.users)
    recommenders(run, options.users[-1:])
    whole_fits(run)
    print("\n".join(f"{row['name']:44} {min(row['seconds']):8.2f} s" for row in run.rows), flush=True)
    if options.no_tests or options.device == "cpu":
        return 0
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
