"""The bundle that serves, and its successor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from recdiff.errors import RecDiffError
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.batcher import Lane, MicroBatcher
from recdiff_export.serve.options import ServeOptions
from recdiff_export.serve.protocol import TensorSpec

if TYPE_CHECKING:
    from recdiff_export.serve.metrics import Metrics

_log = logging.getLogger(__name__)


class Model:
    """One open bundle and what waits for it.

    Attributes:
        scorer: the bundle. tensors: inputs and outputs of each model that the protocol shows.
        scoring, ranking, denoising: the queues before it.
    """

    def __init__(self, scorer: OnnxScorer, options: ServeOptions, metrics: Metrics) -> None:
        self.scorer = scorer
        self.tensors = _tensors(scorer)
        self.scoring = MicroBatcher(
            scorer.score_positions,
            batch_rows=options.max_rows,
            queue_rows=options.queue_rows,
            observe=metrics.batch_rows.observe,
        )
        self.ranking = Lane("recommendations", options.queue_rows)
        self.denoising = Lane("embeddings", options.queue_rows)
        self.requests = 0

    async def close(self) -> None:
        """Answer what waits, then stop its threads."""
        await self.scoring.close()
        self.ranking.close()
        self.denoising.close()
        self.scorer.close()


class Serving:
    """The model that new requests get; one that was replaced stays until its last request was answered."""

    def __init__(self, scorer: OnnxScorer, options: ServeOptions, metrics: Metrics) -> None:
        self._options = options
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self.model = Model(scorer, options, metrics)
        metrics.serves(scorer.digest, _sdk(scorer), scorer.seconds)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Model]:
        """Yield the model; it stays open while the block runs."""
        model = self.model
        model.requests += 1
        try:
            yield model
        finally:
            model.requests -= 1
            if model is not self.model and model.requests == 0:
                await model.close()

    async def reload(self) -> None:
        """Open the bundle anew, every byte of it checked, and give it to all requests that come from now on.

        Raises:
            RecDiffError: it is damaged; the old one goes on serving.
        """
        async with self._turn:
            old = self.model
            try:
                opened = await asyncio.to_thread(_reopened, old.scorer)
            except (RecDiffError, OSError) as error:
                self._metrics.refused()
                _log.error("not reloaded, the old model goes on serving: %s", error)
                raise
            self.model = Model(opened, self._options, self._metrics)
            self._metrics.serves(opened.digest, _sdk(opened), opened.seconds, again=True)
            if old.requests == 0:
                await old.close()

    async def close(self) -> None:
        """Answer what waits, then stop."""
        await self.model.close()


def _sdk(scorer: OnnxScorer) -> str:
    return scorer.manifest.metadata.get("sdk_version", "unknown")


def _reopened(scorer: OnnxScorer) -> OnnxScorer:
    return OnnxScorer.open(scorer.folder, provider=scorer.asked, threads=scorer.threads, verify=True)


def _tensors(scorer: OnnxScorer) -> dict[str, tuple[list[TensorSpec], list[TensorSpec]]]:
    # Both kinds of ids are taken, whatever the model's are; the first is what metadata name.
    ids = ("INT64", "BYTES") if scorer.users.integers else ("BYTES", "INT64")
    pair = [TensorSpec(name, ids, (-1,)) for name in ("src", "dst")]
    models = {"scorer": (pair, [TensorSpec("fake_score", ("FP32",), (-1,))])}
    width = scorer.manifest.embedding_width
    if width:
        rows = [TensorSpec("embedding", ("FP32", "FP64"), (-1, width))]
        models["denoiser"] = (rows, [TensorSpec("denoised", ("FP32",), (-1, width))])
    return models
