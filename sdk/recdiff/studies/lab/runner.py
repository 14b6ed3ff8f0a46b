"""Runs cells: what the cache has is taken from it, the rest is computed, by several processes where asked for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

from recdiff.errors import RecDiffError
from recdiff.machine.cores import cores
from recdiff.machine.progress import Report
from recdiff.studies.lab.cell import Cache, Cell, Result
from recdiff.studies.lab.source import Source

# Computes the values of a cell; must be importable by name, as other processes call it.
Work = Callable[[Cell, Source], Mapping[str, Any]]


@dataclass(frozen=True)
class Runner:
    """How cells are computed.

    Attributes:
        source: the data.
        cache: where results are kept.
        work: computes a cell.
        jobs: processes at a time; 1 computes in this process. Started when first needed, they stay until ``close``.
    """

    source: Source
    cache: Cache
    work: Work
    jobs: int
    _kept: list[ProcessPoolExecutor] = field(default_factory=list, init=False, repr=False, compare=False)

    def results(self, cells: Sequence[Cell], stage: str, report: Report, *, alone: bool = False) -> list[Result]:
        """Return the results of ``cells`` in their order, computing those that are missing.

        Args:
            stage: what progress is reported as.
            alone: for cells that measure time or memory: each runs in a fresh process, one at a time, on one core.

        Raises:
            ArtifactError: a cached result is damaged.
            RecDiffError: a process that computed a cell died.
        """
        unique = {cell.key: cell for cell in cells}
        found = {key: self.cache.load(cell) for key, cell in unique.items()}
        open_cells = [unique[key] for key, result in found.items() if result is None]
        done = len(unique) - len(open_cells)
        report(stage, done, len(unique))
        for result in self._compute(open_cells, alone):
            found[result.cell.key] = result
            done += 1
            report(stage, done, len(unique))
        return [result for cell in cells if (result := found[cell.key]) is not None]

    def _compute(self, cells: list[Cell], alone: bool) -> Any:
        if not cells:
            return
        if self.jobs == 1 and not alone:
            for cell in cells:
                yield compute(cell, self.source, self.cache, self.work)
            return
        workers = 1 if alone else min(self.jobs, len(cells))
        # One core for what is measured: threads that wait for each other measure whoever else is on the machine.
        threads = 1 if alone else max(1, cores() // workers)
        pool, done = self._pool(alone), False
        try:
            work = partial(_compute_on, threads, source=self.source, cache=self.cache, work=self.work)
            tasks = [pool.submit(work, cell) for cell in cells]
            for task in as_completed(tasks):
                yield task.result()
            done = True
        except BrokenProcessPool as error:
            raise RecDiffError(
                f"a process computing a cell ended abruptly, perhaps for want of memory; run the study again with "
                f"fewer --jobs than {workers}, what is finished is kept"
            ) from error
        finally:
            # After an error or an interruption nothing new is begun; what is finished is kept.
            if alone or not done:
                self.close()

    def _pool(self, alone: bool) -> ProcessPoolExecutor:
        """Return the processes of the study, or for cells that stay alone one that is new for each."""
        if alone:
            self.close()
        if not self._kept:
            self._kept.append(
                ProcessPoolExecutor(
                    1 if alone else self.jobs,
                    mp_context=get_context("spawn"),
                    initializer=_start_worker,
                    max_tasks_per_child=1 if alone else None,
                )
            )
        return self._kept[0]

    def close(self) -> None:
        """End the processes; ``results`` starts others where it needs them."""
        while self._kept:
            self._kept.pop().shutdown(wait=True, cancel_futures=True)


def compute(cell: Cell, source: Source, cache: Cache, work: Work) -> Result:
    """Compute ``cell`` and keep its result."""
    began = time.perf_counter()
    values = work(cell, source)
    result = Result(cell, values, time.perf_counter() - began)
    cache.save(result)
    return result


def _compute_on(threads: int, cell: Cell, source: Source, cache: Cache, work: Work) -> Result:
    """Compute ``cell`` with its process's share of the cores."""
    import threadpoolctl  # type: ignore[import-untyped]
    import torch

    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
    return compute(cell, source, cache, work)


def _start_worker() -> None:
    """Die quietly when the terminal interrupts all processes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
