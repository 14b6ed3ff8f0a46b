"""Threads that share the pieces of one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


class Workers:
    """Threads that start when they are first needed, and anew in a process that was forked: a fork has no threads."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def map(self, run: Callable[[_Piece], _Result], pieces: Iterable[_Piece]) -> list[_Result]:
        """Return ``run(piece)`` of every piece, in order; alone, or with one thread, in the calling thread."""
        listed = list(pieces)
        if len(listed) <= 1 or self._threads == 1:
            return [run(piece) for piece in listed]
        # Without a lock, which a fork could take along locked: a pool that comes second has not started a thread.
        pool = self._pools.get(os.getpid()) or self._pools.setdefault(
            os.getpid(), ThreadPoolExecutor(self._threads, thread_name_prefix="recdiff-scorer")
        )
        return list(pool.map(run, listed))

    def close(self) -> None:
        """Stop the threads of this process."""
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.shutdown()
