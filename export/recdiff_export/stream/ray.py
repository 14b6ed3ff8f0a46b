"""Clean edges with Ray: segments of the input go to actors that hold the session, parts come back as files.

Input, bundle and output are paths that every node sees (one machine, or a shared file system): only the name of a
segment goes to a worker and only counts come back. A worker that dies loses the segment it was at; Ray starts
another one and hands the segment out again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from recdiff import errors
from recdiff.errors import RecDiffError, UsageError
from recdiff.machine.ray_cluster import cluster, crew
from recdiff_export.runtime.provider import Provider
from recdiff_export.runtime.scorer import OnnxScorer, reopened
from recdiff_export.stream.batch import SIDES, Scored, Scorer, UnknownUsers, pipeline, score_batch, write_part
from recdiff_export.stream.journal import Done, Journal, disk_errors, part_path
from recdiff_export.stream.obeyed import Obeyed
from recdiff_export.stream.source import EdgeSource, Segment


def spread(
    scorer: Scorer,
    source: EdgeSource,
    journal: Journal,
    threshold: float,
    unknown: UnknownUsers,
    *,
    obeyed: Obeyed | None = None,
    workers: int | None,
) -> Iterator[Done]:
    """Yield the parts of ``source`` that ``journal`` does not have, in the order of finishing.

    A text file is one part, whatever its size, and is read by one worker: convert large ones to Parquet.

    Raises:
        DataError: an input cannot be read or used, an unknown user with "error", or the disk is full.
        UsageError: Ray is missing or gives up.
        DeviceError: the scorer was opened for cuda, and no node has a card.
    """
    segments = tuple(segment for segment in source.segments() if segment.rows != 0)
    work = _Work(
        bundle=scorer.folder.absolute(),
        digest=scorer.digest,
        asked=scorer.asked,
        source=source,
        segments=segments,
        result=journal.result,
        threshold=threshold,
        unknown=unknown,
        obeyed=obeyed,
    )
    return _spread(work, work.left(journal), workers)


@dataclass(frozen=True)
class _Work:
    """What a worker needs to know: small, plain, and the same for all."""

    bundle: Path
    digest: str
    asked: Provider
    source: EdgeSource
    segments: tuple[Segment, ...]
    result: Path
    threshold: float
    unknown: UnknownUsers
    obeyed: Obeyed | None = None

    def left(self, journal: Journal) -> list[int]:
        """Return the numbers of the segments that ``journal`` does not have."""
        there = {(done.file, done.first) for done in journal.done}
        named = enumerate((str(segment.path), segment.first) for segment in self.segments)
        return [number for number, name in named if name not in there]


class Worker:
    """Scores one segment after the other with one open bundle; runs in an actor."""

    def __init__(self, work: _Work, threads: int) -> None:
        self._work = work
        self._threads = threads

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, list[str]]:
        """Score the segments ``batch["item"]`` names; one JSON object each: a `Done`, or the error it met."""
        return {"answer": [json.dumps(self._answer(int(number))) for number in batch["item"]]}

    @cached_property
    def _scorer(self) -> OnnxScorer:
        work = self._work
        return reopened(str(work.bundle), work.asked, self._threads, work.digest)

    def _answer(self, number: int) -> dict[str, Any]:
        # Errors travel as words: Ray would wrap an exception in its own and show its traceback.
        try:
            return asdict(self._write(number))
        except RecDiffError as error:
            return {"error": type(error).__name__, "message": str(error)}

    def _write(self, number: int) -> Done:
        work, scorer = self._work, self._scorer
        segment = work.segments[number]
        paths = [part_path(work.result, side, number) for side in SIDES]

        def score(batch: pa.RecordBatch, first: int, path: Path) -> Scored:
            settings: dict[str, Any] = {"threshold": work.threshold, "unknown": work.unknown, "obeyed": work.obeyed}
            return score_batch(scorer, batch, **settings, path=path, first=first)

        with disk_errors(work.result), ThreadPoolExecutor(self._threads) as pool:
            results = pipeline(work.source, segment, pool, self._threads, score)
            none = Done.none(str(segment.path), segment.first)
            return write_part(paths, results, none, lambda _: False)


def _spread(work: _Work, left: list[int], workers: int | None) -> Iterator[Done]:
    """Yield what became of the segments ``left``, in the order of finishing."""
    if not left:
        return
    with cluster() as ray, _quiet_data():
        import ray.data as data

        who = crew(ray, work.asked, workers, len(left))
        answers = data.from_items(left, override_num_blocks=len(left)).map_batches(
            Worker,
            fn_constructor_args=(work, who.threads),
            batch_size=1,
            # A segment takes seconds, so that a second one in the queue would only wait while another worker idles.
            compute=data.ActorPoolStrategy(size=who.size, max_tasks_in_flight_per_actor=1),
            num_cpus=who.threads,
            num_gpus=1 if who.cards else 0,
        )
        try:
            for row in answers.iter_rows():
                done = _done(json.loads(row["answer"]))
                if done.rows:
                    yield done
        except ray.exceptions.RayError as error:
            raise UsageError(
                f"Ray gave up: {error}. Finished parts are kept; run the same command again to go on"
            ) from error


def _done(answer: dict[str, Any]) -> Done:
    if "error" in answer:
        kind: type[RecDiffError] = getattr(errors, answer["error"])
        raise kind(answer["message"])
    return Done(**answer)


@contextmanager
def _quiet_data() -> Iterator[None]:
    """Keep Ray Data's progress and log lines off the screen: progress is reported by the caller."""
    import ray.data as data

    context, log = data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, log.level
    context.enable_progress_bars = False
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        log.setLevel(before[1])
