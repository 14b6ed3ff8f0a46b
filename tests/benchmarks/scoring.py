"""Measure scoring from a bundle: streaming, one pair, opening, denoising; against NetworkX and torch.

    python -m tests.benchmarks.scoring [--users 1000000] [--ties 20000000] [--provider cpu|cuda] [--model FOLDER]
                                       [--work bench-work] [--out docs/benchmarks]

Runs the same on an NVIDIA card with ``--provider cuda``. Every measurement runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

SAMPLED_TIES = 20_000
FITTED_EDGES = 4_000_000
ONE_PAIR_CALLS = 10_000


def make(work: Path, users: int, ties: int, model: Path | None) -> dict[str, Any]:
    """Export the bundle and write edges.parquet: a fifth fitted edges, the rest new, shuffled."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from recdiff_export import export_bundle
    from tests.benchmarks.bundle_parts import large_parts

    parts = large_parts(users, FITTED_EDGES * users // 1_000_000, model=model)
    begun = time.perf_counter()
    report = export_bundle(parts, work / "onnx")
    seconds = time.perf_counter() - begun
    generator = np.random.default_rng(1)
    known = np.stack([parts.fitted.src, parts.fitted.dst])[:, : ties // 5]
    ends = np.concatenate([known, generator.integers(0, users, (2, ties - known.shape[1]))], axis=1)
    ends = parts.users.to_numpy()[ends[:, generator.permutation(ties)]]
    pq.write_table(pa.table({"src": ends[0], "dst": ends[1]}), work / "edges.parquet", row_group_size=1 << 20)
    return {"export_seconds": seconds, "export_max_error": report.max_error, "row_width": parts.scorer.table.shape[1]}


def stream(work: Path, provider: Any) -> dict[str, Any]:
    """Clean edges.parquet, Parquet to Parquet."""
    from recdiff_export import OnnxScorer
    from recdiff_export.stream.local import clean_stream

    shutil.rmtree(work / "cleaned", ignore_errors=True)
    with OnnxScorer.open(work / "onnx", provider=provider) as scorer:
        begun = time.perf_counter()
        summary = clean_stream(scorer, work / "edges.parquet", work / "cleaned", threshold=0.3)
        seconds = time.perf_counter() - begun
        used = sum(os.times()[:2])
    return {
        "ties": summary.edges,
        "seconds": seconds,
        "ties_per_second": summary.edges / seconds,
        "processor_ns_per_tie": used / summary.edges * 1e9,
        "peak_memory_gb": peak_memory() / 1e9,
        "provider": scorer.provider,
        "threads": scorer.threads,
    }


def one_pair(work: Path, provider: Any) -> dict[str, Any]:
    """Score one new pair at a time."""
    from recdiff_export import OnnxScorer

    with OnnxScorer.open(work / "onnx", provider=provider) as scorer:
        ids = scorer.users.values.to_numpy()
        drawn = ids[np.random.default_rng(2).integers(0, len(ids), (ONE_PAIR_CALLS, 2, 1))]
        taken = [timed(partial(scorer.score, *pair)) for pair in drawn]
    return {f"p{share}_ms": float(np.percentile(taken[100:], share)) * 1e3 for share in (50, 99)}


def opening(work: Path, provider: Any) -> dict[str, Any]:
    """Open the bundle: manifest and files checked, ids and tables ready, one pair scored."""
    from recdiff_export import OnnxScorer

    first = timed(lambda: OnnxScorer.open(work / "onnx", provider=provider).score([7], [10]))
    return {"seconds": first}


def denoise(work: Path, provider: Any) -> dict[str, Any]:
    """Denoise one row per user with the bundle."""
    from recdiff_export import OnnxScorer

    with OnnxScorer.open(work / "onnx", provider=provider) as scorer:
        rows = np.random.default_rng(3).standard_normal(
            (scorer.manifest.users, scorer.manifest.embedding_width), dtype=np.float32
        )
        scorer.denoise(rows[:8192])
        return {"seconds": min(timed(lambda: scorer.denoise(rows)) for _ in range(2))}


def denoise_torch(work: Path, provider: Any) -> dict[str, Any]:
    """Denoise as many rows with torch eager and the formula as published, time embedding unfolded."""
    import torch

    from recdiff.diffusion.schedule import linear_variance, reverse_walk
    from recdiff.paper.denoiser import Denoiser
    from recdiff_export.bundle.manifest import read_manifest

    manifest, device = read_manifest(work / "onnx"), torch.device("cuda" if provider == "cuda" else "cpu")
    width, steps = manifest.embedding_width, int(manifest.metadata["steps"])
    network = Denoiser(width, 16, 0.0).to(device).eval()
    rows = torch.randn(manifest.users, width, device=device)

    def predict(x: Any, t: int) -> Any:
        return network(x, torch.full((len(x),), t, device=device))

    def walk() -> None:
        with torch.no_grad():
            reverse_walk(rows, predict, linear_variance(steps, 1.0)).cpu()

    return {"seconds": min(timed(walk) for _ in range(2)), "threads": torch.get_num_threads()}


def adamic_adar(work: Path, provider: Any) -> dict[str, Any]:
    """Score sampled ties with a loop over NetworkX's adamic_adar_index on the fitted graph."""
    import networkx as nx
    import pyarrow.parquet as pq

    from recdiff_export import OnnxScorer

    scorer = OnnxScorer.open(work / "onnx", provider="cpu")
    keys = np.load(work / "onnx" / "fitted_keys.npy")[:-1]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(scorer.users)))
    graph.add_edges_from(zip((keys // len(scorer.users)).tolist(), (keys % len(scorer.users)).tolist(), strict=True))
    rows = pq.ParquetFile(work / "edges.parquet").read_row_group(0).slice(0, SAMPLED_TIES)
    src, dst = scorer.positions(rows["src"], rows["dst"])
    pairs = list(zip(src.tolist(), dst.tolist(), strict=True))
    seconds = timed(lambda: [score for _, _, score in nx.adamic_adar_index(graph, pairs)])
    return {"ties": len(pairs), "seconds": seconds, "ties_per_second": len(pairs) / seconds}


TASKS: dict[str, Callable[[Path, Any], dict[str, Any]]] = {
    "stream": stream, "one_pair": one_pair, "opening": opening, "denoise": denoise, "denoise_torch": denoise_torch,
    "adamic_adar": adamic_adar,
}  # fmt: skip


def timed(call: Callable[[], Any]) -> float:
    """Return the seconds ``call`` takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def peak_memory() -> int:
    """Return the most resident bytes this process has had (mapped tables included)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel reports no VmHWM")


def alone(task: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run ``task`` in a process of its own."""
    command = [sys.executable, __file__, "--task", task, "--work", str(args.work), "--provider", args.provider]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def environment() -> dict[str, Any]:
    """Say where this ran."""
    names = {}
    for name in ("onnxruntime", "onnxruntime-gpu", "torch", "numpy", "pyarrow", "networkx"):
        try:
            names[name] = version(name)
        except PackageNotFoundError:
            continue
    card = None
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        card = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].split(":")[1].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "card": card,
        "load_before": os.getloadavg()[0],
        "versions": names,
    }


def table(found: dict[str, Any]) -> str:
    """Return the figures as a page."""
    stream, pair, torch_time = found["stream"], found["one_pair"], found["denoise_torch"]["seconds"]
    onnx_time, loop = found["denoise"]["seconds"], found["adamic_adar"]
    ratio = stream["ties_per_second"] / loop["ties_per_second"]
    setting = found["environment"]
    rows = [
        ("streaming, Parquet to Parquet, ids looked up", f"{stream['ties_per_second'] / 1e6:.2f} M ties/s", ">= 3 M"),
        ("its peak resident memory", f"{stream['peak_memory_gb']:.2f} GB", "<= 2 GB"),
        ("its processor time", f"{stream['processor_ns_per_tie']:.0f} ns a tie", ""),
        ("against a loop over NetworkX's adamic_adar_index", f"{ratio:.0f} times", ">= 20"),
        ("one pair, p50 and p99", f"{pair['p50_ms']:.3f} and {pair['p99_ms']:.3f} ms", "p99 <= 1 ms"),
        ("opening and the first score", f"{found['opening']['seconds']:.2f} s", "<= 1 s"),
        ("denoising every user, 20 steps", f"{onnx_time:.2f} s", ""),
        ("against torch eager, unfolded", f"{torch_time / onnx_time:.1f} times", ">= 4"),
    ]
    head = (
        f"# Scoring\n\n{found['users']:,} users, {stream['ties']:,} ties (a fifth of them fitted edges), table rows of "
        f"{found['made']['row_width']} columns, {setting['cores']} cores of {setting['processor']}, "
        f"card: {setting['card'] or 'none'}, provider {stream['provider']}; load average before: "
        f"{setting['load_before']:.1f}.\nMade by `python -m tests.benchmarks.scoring`.\n\n"
        "| what | measured | wanted |\n|---|---|---|\n"
    )
    return head + "".join(f"| {what} | {measured} | {wanted} |\n" for what, measured, wanted in rows)


def main() -> None:
    """Run every task and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--ties", type=int, default=20_000_000)
    parser.add_argument("--provider", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--work", type=Path, default=Path("bench-work"))
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        print(json.dumps(TASKS[args.task](args.work, args.provider)))
        return
    args.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"environment": environment(), "users": args.users}
    found["made"] = make(args.work, args.users, args.ties, args.model)
    for task in TASKS:
        found[task] = alone(task, args)
        print(task, found[task], file=sys.stderr)
    found["opening"]["seconds"] = statistics.median([alone("opening", args)["seconds"] for _ in range(3)])
    args.out.mkdir(parents=True, exist_ok=True)
    name = "scoring" if args.provider == "cpu" else "scoring-cuda"
    (args.out / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    (args.out / f"{name}.md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()
