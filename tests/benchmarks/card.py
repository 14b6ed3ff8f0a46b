"""How near the sparse products come to the memory's bandwidth, and how fast the exported scorer is on a device.

Letters: N rows, D embedding width.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from recdiff.estimator import RecDiff
from recdiff.graph.sparse import Propagator
from recdiff.paper.encoder import Graphs
from recdiff.sample.folder import write_sample
from tests.benchmarks.data import is_here, read
from tests.benchmarks.result import Result, Settings

WIDTH = 64
COPIED = 64 * 2**20
"""Numbers copied to find the memory's bandwidth: far more than any cache holds."""
PAIRS = 4_000_000
SAMPLE_USERS = 3_000


def card_bandwidth(settings: Settings) -> list[Result]:
    """Return the bytes a second of plain copying and of each data set's sparse products, and their share.

    A product must read index (4 bytes) and value (4) of every entry, the row pointers (4), and the dense rows of the
    entries (4 D each, where no cache helps), and write 4 D a row.
    """
    copied = _copy_bandwidth(settings)
    results = [Result("bandwidth/copy", "GB/s", (copied,), "more")]
    for data in filter(is_here, ("ciao", "yelp_hin", "epinions", f"generated-{max(settings.sizes)}")):
        dataset = read(data)
        social = dataset.graph.adjacency()
        graphs = Graphs.of(dataset.train, social, settings.device)
        for name, graph in (("interactions", graphs.to_users), ("social", graphs.social)):
            rate = _product_bandwidth(graph, settings)
            results.append(Result(f"bandwidth/{data}/{name}", "GB/s", (rate,), "more"))
            share = f"bandwidth/{data}/{name} share of copy"
            results.append(Result(share, "", (rate / copied,), "more", note="above 1 where rows come from a cache"))
    return results


def _copy_bandwidth(settings: Settings) -> float:
    source = torch.zeros(COPIED, device=settings.device)
    target = torch.empty_like(source)
    return 2 * 4 * COPIED / _median_seconds(lambda: target.copy_(source), settings) / 1e9


def _product_bandwidth(graph: Propagator, settings: Settings) -> float:
    rows, columns = graph.forward.shape
    dense = torch.randn(columns, WIDTH, device=settings.device)
    entries = graph.forward.values().numel()
    moved = entries * (4 + 4 + 4 * WIDTH) + rows * (4 + 4 * WIDTH)
    return moved / _median_seconds(lambda: graph @ dense, settings) / 1e9


def _median_seconds(work: Callable[[], object], settings: Settings) -> float:
    seconds = []
    for _ in range(3 + 3 * settings.repeats):
        _settle(settings)
        start = time.perf_counter()
        work()
        _settle(settings)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[3:]))


def _settle(settings: Settings) -> None:
    if settings.device == "cuda":
        torch.cuda.synchronize()


def provider_throughput(settings: Settings) -> list[Result]:
    """Return ties a second of the exported scorer with the device's own provider, raw ids in, scores out."""
    from recdiff.data.dataset import SocialDataset
    from recdiff_export.opening import open_bundle

    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        write_sample(folder / "data", SAMPLE_USERS)
        model = RecDiff(device=settings.device).fit(SocialDataset.read(folder / "data"))
        model.save(folder / "model")
        rng = np.random.default_rng(0)
        users = np.asarray(model.fitted_.users.values.to_pylist())
        src, dst = (users[rng.integers(0, len(users), PAIRS)] for _ in range(2))
        with open_bundle(folder / "model", provider=settings.device) as scorer:
            provider = scorer.provider
            seconds = _median_seconds(lambda: scorer.score(src, dst), settings)
    return [Result("provider/scoring", "ties/s", (PAIRS / seconds,), "more", note=provider)]
