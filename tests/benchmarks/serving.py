"""Measure the server over loopback with a client of the Open Inference Protocol.

    python -m tests.benchmarks.serving [--connections 64] [--seconds 60] [--rows 1] [--users 1000000]
                                       [--work bench-work] [--out docs/benchmarks]

Server and client share the machine's cores. Needs the extra ``serve`` and tritonclient[http].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.http.aio as triton

from recdiff_export import OnnxScorer

SERVER = """
import sys
from recdiff_export import OnnxScorer
from recdiff_export.serve import serve
serve(OnnxScorer.open(sys.argv[1], provider=sys.argv[3]), port=int(sys.argv[2]))
"""


async def load(port: int, ids: np.ndarray, args: argparse.Namespace) -> tuple[list[float], int, float]:
    """Ask from every connection until the time is up; return latencies, errors and the time it took."""
    stop = time.perf_counter() + args.seconds
    taken: list[float] = []
    errors = 0

    async def ask(client: Any, generator: np.random.Generator) -> None:
        nonlocal errors
        while time.perf_counter() < stop:
            inputs = [triton.InferInput(name, [args.rows], "INT64") for name in ("src", "dst")]
            for value in inputs:
                value.set_data_from_numpy(ids[generator.integers(0, len(ids), args.rows)])
            begun = time.perf_counter()
            try:
                answer = await client.infer("scorer", inputs)
                if not np.isfinite(answer.as_numpy("fake_score")).all():
                    errors += 1
            except Exception as error:
                errors += 1
                print(error, file=sys.stderr)
            taken.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    client = triton.InferenceServerClient(f"127.0.0.1:{port}", conn_limit=args.connections)
    try:
        seeds = np.random.default_rng(4).spawn(args.connections)
        await asyncio.gather(*(ask(client, generator) for generator in seeds))
    finally:
        await client.close()
    return taken, errors, time.perf_counter() - begun


def wait_until_ready(port: int) -> None:
    """Return when the server answers."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def main() -> None:
    """Start a server, load it, and write the figures."""
    from recdiff_export import export_bundle
    from tests.benchmarks.bundle_parts import large_parts
    from tests.benchmarks.scoring import environment

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--provider", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--work", type=Path, default=Path("bench-work"))
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    args = parser.parse_args()
    bundle = args.work / "onnx"
    if not bundle.exists():
        args.work.mkdir(parents=True, exist_ok=True)
        export_bundle(large_parts(args.users, 4 * args.users), bundle)
    ids = OnnxScorer.open(bundle, provider="cpu").users.values.to_numpy()
    setting = environment()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(bundle), str(port), args.provider])
    try:
        wait_until_ready(port)
        taken, errors, seconds = asyncio.run(load(port, ids, args))
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=60)
    found = {
        "environment": setting,
        "users": len(ids),
        "connections": args.connections,
        "rows_a_request": args.rows,
        "seconds": seconds,
        "requests": len(taken),
        "errors": errors,
        "requests_per_second": len(taken) / seconds,
        **{f"p{share}_ms": float(np.percentile(taken, share)) * 1e3 for share in (50, 99)},
        "server_stopped_by_sigterm": status in (0, -signal.SIGTERM),
    }
    page = (
        f"# Serving\n\n{found['users']:,} users, {args.connections} connections for {seconds:.0f} s, {args.rows} tie(s)"
        f" a request, client (tritonclient, asyncio) and server on the same {setting['cores']} cores of "
        f"{setting['processor']}; load average before: {setting['load_before']:.1f}.\n"
        "Made by `python -m tests.benchmarks.serving`.\n\n| what | measured |\n|---|---|\n"
        f"| requests | {len(taken):,} ({found['requests_per_second']:.0f} a second) |\n| errors | {errors} |\n"
        f"| p50 | {found['p50_ms']:.1f} ms |\n| p99 | {found['p99_ms']:.1f} ms |\n"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "serving.json").write_text(json.dumps(found, indent=2) + "\n")
    (args.out / "serving.md").write_text(page)
    print(page)
    if errors:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
