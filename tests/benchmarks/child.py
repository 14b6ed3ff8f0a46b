"""Runs one task in a process of its own, so that nothing measured before shows in its time or memory.

python -m tests.benchmarks.child TASK THREADS JSON      prints one JSON object
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from recdiff_cli.main import LARGE_PAGES

ROOT = Path(__file__).resolve().parents[2]
Clock = Callable[[], float]


def run(task: str, threads: int, **arguments: Any) -> dict[str, Any]:
    """Run ``task`` in a fresh process and return what it measured, its peak memory as "peak_mb".

    What has no contender runs as the command line does, with large tensors on large pages.

    Raises:
        RuntimeError: the process failed; the message is what it wrote.
    """
    path = ":".join(str(ROOT / name) for name in ("sdk", "cli", "export", "adapters", "."))
    command = [sys.executable, "-m", "tests.benchmarks.child", task, str(threads), json.dumps(arguments)]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
    if "contender" not in arguments:
        environment = LARGE_PAGES | environment
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{task} {arguments}: {done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def epochs(contender: str, data: str, count: int, device: str, clock: str) -> dict[str, Any]:
    """Time ``count`` training epochs of "paper" or "naive" after one to warm up."""
    from tests.benchmarks import data as sets

    dataset, config = sets.read(data), sets.settings(data)
    step = _epoch(contender, config, dataset, device)
    step()
    return {"seconds": [_timed(step, device, clock) for _ in range(count)], "rows": int(dataset.train.nnz)}


def _epoch(contender: str, config: Any, dataset: Any, device: str) -> Callable[[], Any]:
    from recdiff.graph.negatives import NegativeSampler
    from recdiff.paper import fit
    from recdiff.paper.encoder import Graphs
    from recdiff.studies.lab.unoptimised import Loop

    social = dataset.graph.adjacency()
    if contender == "naive":
        return Loop(config, dataset.train, social, 0, device).epoch
    graphs = Graphs.of(dataset.train, social, device)
    training = fit.start(config, dataset.train.shape, 0, device)
    pairs, sampler = fit.positives(dataset.train, device), NegativeSampler(dataset.train, device)
    return lambda: fit.train_epoch(training, graphs, sampler, *pairs)


def evaluations(contender: str, data: str, count: int, device: str, clock: str) -> dict[str, Any]:
    """Time ``count`` evaluations on the test split, embeddings included, after one to warm up."""
    from recdiff.metrics.ranking import by_tables, rank
    from recdiff.paper import fit
    from recdiff.paper.encoder import Graphs
    from recdiff.studies.lab.unoptimised import PlainModel
    from tests.benchmarks import data as sets
    from tests.benchmarks.plain_ranking import evaluate

    dataset, config = sets.read(data), sets.settings(data)
    social = dataset.graph.adjacency()
    if contender == "naive":
        naive = PlainModel(config, dataset.train, social, device)

        def judge() -> Any:
            return evaluate(naive, dataset.train, dataset.test)
    else:
        model, graphs = (
            fit.start(config, dataset.train.shape, 0, device).model,
            Graphs.of(dataset.train, social, device),
        )

        def judge() -> Any:
            user, item, _ = model.embeddings(graphs)
            return rank(by_tables(user.cpu().numpy(), item.cpu().numpy()), dataset.train, dataset.test, (20,))

    judge()
    return {"seconds": [_timed(judge, device, clock) for _ in range(count)]}


def quality(contender: str, data: str, seed: int, device: str, clock: str) -> dict[str, Any]:
    """Train and return validation Recall@20 + NDCG@20 with the seconds since the start at every evaluation."""
    from recdiff.recommender import fit as recommender
    from recdiff.studies.lab.unoptimised import Loop
    from tests.benchmarks import data as sets
    from tests.benchmarks.plain_ranking import evaluate

    dataset, config, now = sets.read(data), sets.settings(data), _clock(clock)
    curve: list[tuple[float, float]] = []
    start = now()
    if contender == "naive":
        social = dataset.graph.adjacency()
        training = Loop(config, dataset.train, social, seed, device)
        best_epoch = 0
        for epoch in range(1, config.epochs + 1):
            training.epoch()
            if epoch % config.evaluate_every == 0:
                value = sum(evaluate(training.model, dataset.train, dataset.validation))
                best_epoch = epoch if value > max((old for _, old in curve), default=-1.0) else best_epoch
                curve.append((now() - start, value))
            if epoch - best_epoch >= config.patience * config.evaluate_every:
                break
    else:
        with _watched(recommender, "_judge", lambda value: curve.append((now() - start, value))):
            recommender.fit_recommender(
                recommender.RecommenderConfig(search=False),
                dataset.train,
                graph=dataset.graph,
                validation=dataset.validation,
                seed=seed,
                device=device,
            )
    return {"curve": curve}


@contextmanager
def _watched(module: Any, name: str, see: Callable[[Any], None]) -> Iterator[None]:
    """Hand every return value of a function of ``module`` to ``see``."""
    original = getattr(module, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        value = original(*arguments, **named)
        see(value)
        return value

    with mock.patch.object(module, name, watched):
        yield


def whole_fit(preset: str, data: str, seed: int, device: str, clock: str) -> dict[str, Any]:
    """Fit once with default settings and return seconds and test metrics."""
    from recdiff.estimator import RecDiff
    from tests.benchmarks import data as sets

    dataset, now = sets.read(data), _clock(clock)
    start = now()
    model = RecDiff(preset, seed=seed, device=device).fit(dataset)  # type: ignore[arg-type]
    return {"seconds": now() - start, "metrics": model.fitted_.metrics}


def recommender_pass(data: str, passes: int, evaluate_every: int, device: str, clock: str) -> dict[str, Any]:
    """Time a default recommender of ``passes`` passes, graph building and at least one evaluation included."""
    from recdiff.recommender.fit import RecommenderConfig, fit_recommender
    from tests.benchmarks import data as sets

    dataset, now = sets.read(data), _clock(clock)
    config = RecommenderConfig(search=False, steps=passes, evaluate_every=evaluate_every, patience=passes)
    start = now()
    fit_recommender(
        config,
        dataset.train,
        graph=dataset.graph,
        validation=dataset.validation,
        seed=0,
        device=device,
    )
    return {"seconds": now() - start, "graph_edges": int(dataset.train.nnz + len(dataset.edges))}


def scoring(data: str, device: str, clock: str) -> dict[str, Any]:
    """Time fitting the edge scorer, which scores every tie out of fold, and scoring all ties as new ones."""
    from recdiff.config.scorer import ScorerConfig
    from recdiff.scorer.fit import fit_scorer
    from tests.benchmarks import data as sets

    dataset, now = sets.read(data), _clock(clock)
    start = now()
    scorer = fit_scorer(dataset.graph, dataset.train, ScorerConfig(), seed=0, device=device)
    fitted = now()
    scorer.score(dataset.edges)
    return {
        "fit_seconds": fitted - start,
        "score_seconds": now() - fitted,
        "ties": len(dataset.edges),
        "graph_edges": int(dataset.train.nnz + len(dataset.edges)),
    }


def _clock(name: str) -> Clock:
    return time.perf_counter if name == "wall" else time.process_time


def _timed(work: Callable[[], Any], device: str, clock: str) -> float:
    import torch

    now = _clock(clock)
    if device == "cuda":
        torch.cuda.synchronize()
    start = now()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return now() - start


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    task.__name__: task for task in (epochs, evaluations, quality, whole_fit, recommender_pass, scoring)
}


def main() -> None:
    """Run the task named on the command line."""
    import torch

    torch.set_num_threads(int(sys.argv[2]))
    measured = TASKS[sys.argv[1]](**json.loads(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(measured | {"peak_mb": peak / 1024}))


if __name__ == "__main__":
    main()
