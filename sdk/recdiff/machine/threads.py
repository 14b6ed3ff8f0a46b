"""How many threads work uses, and blocks of work on several of them.

Most array operations use one core however many there are, and let go of the interpreter's lock while they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Block = TypeVar("Block")
Made = TypeVar("Made")


def side_by_side(work: Callable[[Block], Made], blocks: Iterable[Block], most: int | None = None) -> list[Made]:
    """Return ``work`` of every block, in order, as many at a time as torch has threads; each has one thread.

    What comes out does not depend on how many there are: a product that several threads share is rounded by their
    number, and so are the ends of what they compute element by element.

    Args:
        most: blocks at a time, for memory's sake. Torch's operations within each then share the threads that are left,
            so that they must compute rows, each by itself; NumPy's products have one.
    """
    import torch  # here, lest whoever only reads data wait for it

    blocks, threads = list(blocks), torch.get_num_threads()
    workers = max(1, min(threads, len(blocks), most or threads))
    inner = threads // workers if most else 1
    try:
        with (
            _thread_pools().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(inner,)) as pool,
        ):
            return list(pool.map(work, blocks))
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Give NumPy's products one thread: small ones take longer on many, and all are rounded by how many there are."""
    with _thread_pools().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def threads_at_most(most: int) -> Iterator[None]:
    """Give torch at most ``most`` threads, and afterwards as many as it had."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, most))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def thread_count() -> int:
    """Return how many threads a computation of this process may use: as many as torch was told."""
    import torch

    return torch.get_num_threads()


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()
