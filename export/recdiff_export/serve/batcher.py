"""Join requests that wait at the same time into one call of the scorer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from recdiff.arrays import Float32, Int64

_Result = TypeVar("_Result")
Score = Callable[[Int64, Int64], Float32]


class OverloadError(Exception):
    """More waits than the server will hold; the caller may try again."""


class Lane:
    """Makes calls one after the other in a thread of its own; a bounded number of rows may wait."""

    def __init__(self, name: str, queue_rows: int) -> None:
        self._name = name
        self._queue_rows = queue_rows
        self._rows = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"recdiff-{name}")

    async def run(self, rows: int, call: Callable[[], _Result]) -> _Result:
        """Return what ``call`` does, which is about ``rows`` rows.

        Raises:
            OverloadError: more than ``queue_rows`` rows wait already.
        """
        if self._rows + rows > self._queue_rows:
            raise OverloadError(f"too many {self._name} are waiting; try again")
        self._rows += rows
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, call)
        finally:
            self._rows -= rows

    def close(self) -> None:
        """Stop the thread; nothing may wait any more."""
        self._worker.shutdown()


@dataclass(frozen=True)
class _Waiting:
    src: Int64
    dst: Int64
    answer: asyncio.Future[Float32]


class MicroBatcher:
    """Scores while more requests arrive; whatever has arrived when a call ends is the next call.

    No request waits for a timer: alone it is scored at once, and under load batches grow by themselves.
    """

    def __init__(self, score: Score, *, batch_rows: int, queue_rows: int, observe: Callable[[int], None]) -> None:
        self._score = score
        self._batch_rows = batch_rows
        self._queue_rows = queue_rows
        self._observe = observe
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="recdiff-batch")
        self._running: asyncio.Task[None] | None = None

    async def score(self, src: Int64, dst: Int64) -> Float32:
        """Return the scores of pairs of user positions.

        Raises:
            OverloadError: more than ``queue_rows`` rows wait already.
        """
        if self._rows + len(src) > self._queue_rows:
            raise OverloadError("too many edges are waiting; try again")
        waiting = _Waiting(src, dst, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._rows += len(src)
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return await waiting.answer

    async def close(self) -> None:
        """Answer what waits, then stop."""
        if self._running is not None:
            await self._running
        self._worker.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._take()
            src, dst = (np.concatenate(side) for side in zip(*((one.src, one.dst) for one in batch), strict=True))
            self._observe(len(src))
            try:
                scores = await loop.run_in_executor(self._worker, self._score, src, dst)
            except Exception as error:
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            self._answer(batch, scores)
        self._running = None

    def _take(self) -> list[_Waiting]:
        batch, rows = [self._waiting.popleft()], 0
        rows = len(batch[0].src)
        while self._waiting and rows + len(self._waiting[0].src) <= self._batch_rows:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1].src)
        self._rows -= rows
        return batch

    def _answer(self, batch: list[_Waiting], scores: Float32) -> None:
        start = 0
        for one in batch:
            stop = start + len(one.src)
            # A client that went away has cancelled its future.
            if not one.answer.done():
                one.answer.set_result(scores[start:stop])
            start = stop
