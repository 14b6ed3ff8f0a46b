"""Who does pieces of work that need nothing from each other: this process, or the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from recdiff.errors import UsageError
from recdiff.machine.ray_cluster import Crew, cluster, crew

Block = TypeVar("Block")
Made = TypeVar("Made")
MANY = 1 << 30
"""Pieces of work, so that no core of a cluster need idle."""
RETRIES = 3
"""Times that a piece of work whose worker died is begun again; it leads to the same."""


def nothing() -> None:
    """Do nothing when a piece is done."""


class Hands(Protocol):
    """Does pieces of work somewhere."""

    def each(
        self, work: Callable[[Block], Made], blocks: Sequence[Block], done: Callable[[], None] = nothing
    ) -> list[Made]:
        """Return ``work`` of every block, in order; ``done`` is called here after each."""


class RayHands:
    """Hands pieces to the workers of a Ray cluster, each of which does one at a time.

    What ``work`` holds is put into the cluster's memory once, whatever the number of blocks. A worker that dies loses
    the piece it was at, which another one does again.
    """

    def __init__(self, ray: Any, who: Crew) -> None:
        self._ray, self._who = ray, who
        self._task = ray.remote(_done_here).options(
            num_cpus=who.threads, num_gpus=int(who.cards), max_retries=RETRIES, retry_exceptions=False
        )

    def each(
        self, work: Callable[[Block], Made], blocks: Sequence[Block], done: Callable[[], None] = nothing
    ) -> list[Made]:
        """Return ``work`` of every block, in order.

        Raises:
            UsageError: a piece killed its worker ``RETRIES`` + 1 times.
        """
        ray = self._ray
        held = ray.put(work)
        places = [self._task.remote(held, block, self._who.threads) for block in blocks]
        try:
            waiting = places
            while waiting:
                _, waiting = ray.wait(waiting, num_returns=1)
                done()
            return list(ray.get(places))
        except ray.exceptions.RayTaskError:
            # What the work itself raised.
            raise
        except ray.exceptions.RayError as error:
            raise UsageError(f"Ray gave up: {error}") from error


@contextmanager
def ray_hands(device: str = "auto", workers: int | None = None) -> Iterator[RayHands]:
    """Yield what hands work to a Ray cluster: a worker per card where there are any, else per core.

    Args:
        device: "auto" (cards where there are any), "cpu" or "cuda".
        workers: how many instead; fewer get more cores each.

    Raises:
        UsageError: Ray is missing, nothing answers at its address, or there is no room for ``workers``.
        DeviceError: for "cuda" where no node has a card.
    """
    with cluster() as ray:
        yield RayHands(ray, crew(ray, device, workers, tasks=MANY))


def _done_here(work: Callable[[Block], Made], block: Block, threads: int) -> Made:
    """Return ``work`` of one block; runs in a worker."""
    import torch

    torch.set_num_threads(threads)
    return work(block)
