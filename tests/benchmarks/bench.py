"""Measure speed and memory, write docs/benchmarks/speed.{json,md,png}, and compare with a stored run.

python -m tests.benchmarks.bench [--only NAME] [--device cuda] [--compare docs/benchmarks/speed.json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from recdiff.machine.cores import cores
from recdiff.machine.device import resolve_device
from recdiff.studies.lab.provenance import machine, now, versions
from tests.benchmarks.lines import one_a_line
from tests.benchmarks.measurements import MEASUREMENTS
from tests.benchmarks.report import write_plot, write_table
from tests.benchmarks.result import Measurement, Result, Settings, regressions

OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 where something is slower than in the stored run."""
    options = _options(arguments)
    settings = Settings(options.device, options.repeats, options.clock, options.threads, tuple(options.users))
    resolve_device(options.device)
    named = [each for each in MEASUREMENTS if not options.only or each.name in options.only]
    chosen = [each for each in named if options.device in each.devices]
    if options.list:
        for each in named:
            print(f"{each.name:20} {each.about}")
        return 0
    if not chosen:
        raise SystemExit(f"{', '.join(options.only)}: nothing to measure on --device {options.device}")
    stored = json.loads(options.compare.read_text(encoding="utf-8")) if options.compare else None
    stem = "speed" if options.device == "cpu" else "speed-cuda"
    report: dict[str, Any] = {"machine": machine(), "versions": versions(), "device": options.device, "results": {}}
    report["results"] = _kept(options.out / f"{stem}.json", report)
    measured: dict[str, Any] = {}
    options.out.mkdir(parents=True, exist_ok=True)
    for each in chosen:
        measured |= _measured(each, settings)
        report["results"] |= measured
        # After each: a run that is cut short keeps what it has.
        _write(options.out / stem, report)
    print((options.out / f"{stem}.md").read_text(encoding="utf-8"))
    worse = []
    if stored is not None:
        worse = regressions(measured, stored["results"], stored["machine"] == report["machine"], options.tolerance)
    for line in worse:
        print(f"regression: {line}", file=sys.stderr)
    return 1 if worse else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure speed and memory.")
    names = [each.name for each in MEASUREMENTS]
    parser.add_argument("--only", action="append", choices=names, help="measure this; may be given again")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of every comparison")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a machine others use")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="generated graphs")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--compare", type=Path, help="a stored speed.json; slower by more than --tolerance: exit 1")
    parser.add_argument("--tolerance", type=float, default=1.25)
    parser.add_argument("--list", action="store_true", help="only name what would be measured")
    return parser.parse_args(arguments)


def _measured(each: Measurement, settings: Settings) -> dict[str, Any]:
    print(f"{each.name}: {each.about} ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    found = {result.name: _stamped(result, settings) for result in each.run(settings)}
    print(f"{each.name}: {len(found)} results in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return found


def _write(stem: Path, report: dict[str, Any]) -> None:
    text = one_a_line(report)
    stem.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    write_table(stem.with_suffix(".md"), report)
    write_plot(stem.with_suffix(".png"), report)


def _stamped(result: Result, settings: Settings) -> dict[str, Any]:
    if settings.device == "cuda":
        # What was required was required of two cores.
        result = replace(result, required=None, aim=None)
    return result.to_dict() | {
        "met": result.met,
        "clock": settings.clock,
        "threads": settings.threads,
        "measured": now(),
    }


def _kept(file: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Return earlier results of the same machine and versions: a run of --only adds to them."""
    if not file.is_file():
        return {}
    old = json.loads(file.read_text(encoding="utf-8"))
    same = all(old.get(key) == report[key] for key in ("machine", "versions", "device"))
    return dict(old["results"]) if same else {}


if __name__ == "__main__":
    sys.exit(main())
