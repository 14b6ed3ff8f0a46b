"""Training the default recommender data-parallel with Ray Train: shards go to workers, the table comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import scipy.sparse as sp
import torch

from recdiff.config.recommender import RecommenderConfig
from recdiff.errors import UsageError
from recdiff.machine.ray_cluster import INSTALL, Crew, cluster, crew
from recdiff.recommender.shards import shards, train_shard
from recdiff.recommender.training import RowJudge, Trainer, Trial
from recdiff.storage.checkpoint import Checkpoint

# Times that a training whose worker died is begun again; it ends with the same table.
RETRIES = 3
_RUN = "recommender"


@contextmanager
def ray_trainer(folder: Path, device: str = "auto", workers: int | None = None) -> Iterator[Trainer]:
    """Yield `train_on_ray` on one cluster for any number of trainings, once it is known that the cluster can do it.

    Args:
        folder, device, workers: as for `train_on_ray`.

    Raises:
        UsageError: Ray or Ray Train is missing, nothing answers at the address, or there is no room for ``workers``.
        DeviceError: for "cuda" where no node has a card.
    """
    with cluster() as ray:
        _require_ray_train()
        crew(ray, device, workers)
        yield partial(train_on_ray, folder=folder, device=device, workers=workers)


def train_on_ray(
    config: RecommenderConfig,
    train: sp.csr_matrix,
    social: sp.csr_matrix,
    judge: RowJudge | None,
    seed: int,
    *,
    folder: Path,
    device: str = "auto",
    workers: int | None = None,
) -> Trial:
    """Train with fixed settings on the workers of a Ray cluster; the table is that of one process, up to rounding.

    Args:
        train: interactions (U, A) with the items that have any. social: edges (U, U).
        judge: judges node rows (U + A, D) on validation; called by one worker. None: nothing judges.
        folder: where the result is handed over; every node must see it (one machine, or a shared file system).
        device: "auto" (cards where there are any), "cpu" or "cuda".
        workers: by default one per card, or one per node with all its cores.

    Raises:
        UsageError: Ray is missing, has no room for ``workers``, or gave up after ``RETRIES`` beginnings.
        DeviceError: for "cuda" where no node has a card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with cluster() as ray, TemporaryDirectory(dir=folder.absolute()) as work:
        _require_ray_train()
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        who = crew(ray, device, workers)
        settings = {
            "config": config,
            "shards": [ray.put(shard) for shard in shards(train, social, who.size)],
            # Only the worker of rank 0 fetches it, with the interactions it judges by.
            "judge": ray.put(judge),
            "judged": judge is not None,
            "seed": seed,
            "threads": who.threads,
            "result": Path(work) / "result",
        }
        trainer = TorchTrainer(
            _train_here,
            train_loop_config=settings,
            scaling_config=ScalingConfig(num_workers=who.size, use_gpu=who.cards, resources_per_worker=_resources(who)),
            run_config=RunConfig(name=_RUN, storage_path=work, failure_config=FailureConfig(max_failures=RETRIES)),
        )
        try:
            trainer.fit()
        except (RuntimeError, ray.exceptions.RayError) as error:
            raise UsageError(f"Ray gave up training: {error}") from error
        return _result(settings["result"])


def _train_here(settings: dict[str, Any]) -> None:
    """Train one shard; runs in each worker."""
    import ray
    from ray.train import get_context
    from ray.train.torch import get_device

    torch.set_num_threads(settings["threads"])
    rank = get_context().get_world_rank()
    shard = ray.get(settings["shards"][rank])
    judge = ray.get(settings["judge"]) if rank == 0 else None
    trial = train_shard(
        settings["config"], shard, judge, settings["seed"], judged=settings["judged"], device=get_device()
    )
    if rank == 0:
        state = {"value": trial.value, "history": trial.history}
        Checkpoint(settings["result"], _RUN).save({"table": trial.table}, state)


def _require_ray_train() -> None:
    try:
        import ray.train.torch  # noqa: F401
    except ImportError as error:
        raise UsageError(f"--engine ray needs Ray Train ({error}); install it: {INSTALL}") from error


def _resources(who: Crew) -> dict[str, int]:
    return {"CPU": who.threads} | ({"GPU": 1} if who.cards else {})


def _result(file: Path) -> Trial:
    saved = Checkpoint(file, _RUN).load()
    if saved is None:
        raise UsageError(f"{file}: a worker's result did not arrive; the folder must be one that every node sees")
    tensors, state = saved
    return Trial(tensors["table"], state["value"], tuple(state["history"]))
