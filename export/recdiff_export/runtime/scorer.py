"""Score edges, recommend and denoise from a bundle, with ONNX Runtime and without torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from recdiff.arrays import Float32, Int64
from recdiff.errors import ArtifactError, DataError, UsageError
from recdiff.machine.cores import cores
from recdiff_export.bundle.names import (
    DENOISER_FILE,
    FAKE_SCORE_FILE,
    ITEMS_FILE,
    RECOMMENDER_FILE,
    SCORER_BY_ID_FILE,
    TABLE_FILE,
    USERS_FILE,
)
from recdiff_export.bundle.reading import Bundle, opened_whole
from recdiff_export.runtime.engine import DEVICE_ROWS, DeviceEngine, Engine, RowEngine, Rows
from recdiff_export.runtime.id_columns import as_column, held_ids, refuse_self_ties, refuse_unknown
from recdiff_export.runtime.known_scores import FittedScores
from recdiff_export.runtime.lookup import IdLookup
from recdiff_export.runtime.new_users import NewUsers
from recdiff_export.runtime.provider import CPU, CUDA, GraphFile, Provider, Spec, choose_provider, open_session
from recdiff_export.runtime.recommendation import INPUTS, OUTPUTS, Recommender, require_tables
from recdiff_export.runtime.workers import Workers

Unknown = Literal["error", "null"]
# Rows that one thread looks up and scores in one go: large against the cost of a task, small against memory.
PIECE = 1 << 16
_DENOISE_ROWS = 4096
_REST = 'Leave them out, fit again with them, or pass unknown="null" to score the rest'
_REST_OF_TIES = 'Leave such edges out, or pass unknown="null" to score the rest'
_KNOWN = "Leave them out, fit again with them, or recommend to somebody new with recommend_new"


class OnnxScorer:
    """A bundle, open: raw ids in, scores out. Safe to share between threads; pickles as its path.

    Everything is opened at once, from files that were compared with the manifest: a bundle that takes this one's place
    later changes nothing here. After a fork the child starts threads of its own.

    Attributes:
        folder: the bundle.
        manifest: what it holds.
        digest: what tells it from any other.
        asked: where sessions were asked to run.
        provider: where they run.
        threads: at work on one call.
        seconds: that opening took.
        users: their raw ids by position.
        items: their raw ids by position.
        lookup: finds the users' positions.
    """

    def __init__(self, bundle: Bundle, provider: Provider, threads: int) -> None:
        held = bundle.manifest
        self.folder = bundle.folder
        self.manifest = held
        self.digest = bundle.digest
        self.threads = threads
        self.seconds = 0.0
        self.asked = provider
        self._workers = Workers(threads)
        self._wanted = choose_provider(provider)
        self.users = held_ids(bundle.files[USERS_FILE], held.users)
        self.items = held_ids(bundle.files[ITEMS_FILE], held.items)
        self.lookup = IdLookup.of(self.users)
        self._fitted = FittedScores.open(bundle.files, held.users, directed=held.directed)
        table = bundle.files[TABLE_FILE].table(held.users, held.row_width, held.row_type)
        self._engine, self.provider = self._open_engine(table)
        embeddings: Spec = ("float32", (None, held.embedding_width))
        self._denoiser = self._open_graph(DENOISER_FILE, {"embedding": embeddings}, {"denoised": embeddings})
        ranking = self._open_graph(RECOMMENDER_FILE, INPUTS, OUTPUTS)
        self._recommender: Recommender | None = None
        self._new_users: NewUsers | None = None
        if ranking is not None:
            costs = require_tables(bundle.files, held.users, held.items, held.members)
            self._recommender = Recommender(
                ranking, self.users, self.items, threads=threads, workers=self._workers, costs=costs
            )
            self._new_users = NewUsers.open(bundle.files, held)

    @classmethod
    def open(
        cls,
        folder: str | PathLike[str],
        *,
        provider: Provider = "auto",
        threads: int | None = None,
        verify: bool = False,
    ) -> OnnxScorer:
        """Open the bundle at ``folder``.

        Args:
            provider: "auto" (a card where one works), "cpu" or "cuda".
            threads: threads of one call; by default the cores this process may use.
            verify: hash every file whole. Otherwise files up to 4 MiB are hashed whole and larger ones by samples,
                so that opening takes the same time for any number of users.

        Raises:
            ArtifactError: there is no bundle, or a file of it is missing or changed.
            DeviceError: "cuda" was asked for and does not work here.
        """
        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1, not {threads}")
        path, begun = Path(folder), time.perf_counter()

        def make() -> tuple[Bundle, OnnxScorer]:
            bundle = Bundle.open(path, whole=verify)
            return bundle, cls(bundle, provider, threads or cores())

        opened = opened_whole(path, make)
        opened.seconds = time.perf_counter() - begun
        return opened

    @property
    def threshold(self) -> float | None:
        """The threshold the model was exported with, or None where it names none."""
        stored = self.manifest.metadata.get("threshold")
        return None if stored is None else float(stored)

    def score(self, src: Any, dst: Any, *, unknown: Unknown = "error") -> Float32:
        """Return fake_score (B,) of the edges between raw user ids ``src`` and ``dst`` (lists, NumPy, Arrow).

        An edge of the fitted graph gets its out-of-fold score, any other the full graph's.

        Args:
            unknown: what a row that has no score does, of a user that the model does not know or of one user twice:
                "error", or "null": the score is NaN.

        Raises:
            DataError: the columns differ in length, are no ids, or (``unknown="error"``) name unknown users or one
                user twice in a row.
        """
        left, right = as_column(src, "src"), as_column(dst, "dst")
        if len(left) != len(right):
            raise DataError(f"src has {len(left)} ids and dst {len(right)}; they must pair up")
        if len(left) <= PIECE or self.threads == 1:
            return self._score_piece(left, right, unknown)
        pieces = [(left[at : at + PIECE], right[at : at + PIECE]) for at in range(0, len(left), PIECE)]
        return np.concatenate(self._workers.map(lambda pair: self._score_piece(pair[0], pair[1], unknown), pieces))

    def require_scores(self) -> None:
        """Refuse a model that has no scorer.

        Raises:
            DataError: it is one; the message says why.
        """
        reason = self.manifest.metadata.get("unscored")
        if reason is not None:
            raise DataError(f"{self.folder} scores no edges: {reason}; it recommends as usual")

    def positions(self, src: Any, dst: Any, *, unknown: Unknown = "error") -> tuple[Int64, Int64]:
        """Return the user positions of two id columns, -1 where unknown (``unknown="null"``).

        Raises:
            DataError: as `score`.
        """
        left, right = as_column(src, "src"), as_column(dst, "dst")
        if len(left) != len(right):
            raise DataError(f"src has {len(left)} ids and dst {len(right)}; they must pair up")
        return self._positions(left, right, unknown)

    def score_positions(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score (B,) of pairs of user positions, NaN where either is -1 or both are one user.

        It runs in the calling thread.

        Raises:
            DataError: the model has no scorer.
        """
        self.require_scores()
        scores = self._fitted.find(src, dst)
        new = np.flatnonzero(np.isnan(scores) & (np.minimum(src, dst) >= 0) & (src != dst))
        if len(new) == len(src):
            return self._engine.score(src, dst)
        scores[new] = self._engine.score(src[new], dst[new])
        return scores

    def score_batch(self, batch: Any) -> Any:
        """Return ``batch`` with a column fake_score, null (Arrow) or NaN (dict) where a row has no score.

        Takes a record batch, a table or a dict of arrays, each with columns src and dst, and returns the same
        kind: the function to hand to Ray's map_batches, Spark's mapInArrow or Dask's map_partitions.
        """
        names = batch.schema.names if isinstance(batch, pa.RecordBatch | pa.Table) else list(batch)
        missing = [name for name in ("src", "dst") if name not in names]
        if missing:
            raise DataError(f"column {missing[0]} is missing; the batch has {', '.join(map(str, names)) or 'none'}")
        scores = self.score(batch["src"], batch["dst"], unknown="null")
        if isinstance(batch, Mapping):
            return {**batch, "fake_score": scores}
        return batch.append_column("fake_score", pa.array(scores, from_pandas=True))

    def recommend(self, users: Any, k: int = 10) -> pa.Table:
        """Return the ``k`` best unseen items of each user: columns user_id, item_id, score, rank (1 = best).

        Raises:
            DataError: a user is unknown, or the bundle has no recommender (social-only mode).
            UsageError: ``k`` is below 1.
        """
        if self._recommender is None:
            raise DataError(f"{self.folder} has no recommender: the model was fitted on edges alone")
        if k < 1:
            raise UsageError(f"k must be at least 1, not {k}")
        wanted = as_column(users, "users")
        positions = self.lookup.index(wanted)
        refuse_unknown(wanted, positions, _KNOWN)
        return self._recommender.best(positions, k)

    def recommend_new(self, history: Any = (), friends: Any = (), k: int = 10) -> pa.Table:
        """Return the ``k`` best items of somebody the model does not know: columns item_id, score, rank (1 = best).

        Args:
            history: raw ids of items they have used, which are left out.
            friends: raw ids of users they have ties to.
            k: how many items.

        Raises:
            DataError: an item or a friend is unknown, there are neither, or the bundle cannot do it.
            UsageError: ``k`` is below 1.
        """
        if self._recommender is None:
            raise DataError(f"{self.folder} has no recommender: the model was fitted on edges alone")
        if self._new_users is None:
            raise DataError(f"{self.folder} cannot recommend to somebody new: export the bundle again")
        if k < 1:
            raise UsageError(f"k must be at least 1, not {k}")
        used, tied = as_column(history, "history"), as_column(friends, "friends")
        if len(used) + len(tied) == 0:
            raise DataError("somebody new needs a history of items, or friends; give at least one")
        items, users = self.items.index(used), self.lookup.index(tied)
        refuse_unknown(used, items, "Leave them out, or fit again with them", "item")
        refuse_unknown(tied, users, "Leave them out, or fit again with them")
        found, scores = self._new_users.best(np.unique(items), np.unique(users), k)
        ranks = np.arange(1, len(found) + 1, dtype=np.int32)
        return pa.table({"item_id": self.items.take(found), "score": pa.array(scores), "rank": pa.array(ranks)})

    def denoise(self, rows: Any) -> Float32:
        """Return (B, D) denoised user embeddings.

        Raises:
            DataError: ``rows`` is not (B, D) numbers, or the bundle has no denoiser.
        """
        width = self.manifest.embedding_width
        if self._denoiser is None:
            raise DataError(f"{self.folder} has no denoiser: the model was fitted without diffusion")
        values = np.asarray(rows)
        if values.ndim != 2 or values.shape[1] != width or values.dtype.kind not in "fiu":
            raise DataError(f"embeddings must be numbers (rows, {width}), not {values.dtype} {values.shape}")
        step = _DENOISE_ROWS if self.provider == CPU else DEVICE_ROWS
        graph = self._denoiser

        def run(start: int) -> Float32:
            block = np.ascontiguousarray(values[start : start + step], dtype=np.float32)
            found: Float32 = graph.run(["denoised"], {"embedding": block}, rows=len(block))[0]
            return found

        return np.concatenate(self._workers.map(run, range(0, max(len(values), 1), step)))

    def score_file(self, edges: str | PathLike[str], out: str | PathLike[str], **options: Any) -> Any:
        """Score the edges in ``edges`` into ``out``; see `recdiff_export.stream.score_file`."""
        from recdiff_export.stream.scored_file import score_file

        return score_file(self, Path(edges), Path(out), **options)

    def close(self) -> None:
        """Stop the threads; the object can still be used and starts them again."""
        self._workers.close()

    def __enter__(self) -> OnnxScorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return reopened, (str(self.folder), self.asked, self.threads, self.digest)

    def _open_graph(self, name: str, inputs: Mapping[str, Spec], outputs: Mapping[str, Spec]) -> GraphFile | None:
        """Return the graph in the file ``name``, or None where the bundle does without."""
        if name not in self.manifest.files:
            return None
        path = self.folder / name
        return GraphFile(open_session(path, self._wanted, asked=self.asked), path).require(inputs, outputs)

    def _open_engine(self, table: Rows) -> tuple[Engine, str]:
        if self._wanted == CUDA:
            path = self.folder / SCORER_BY_ID_FILE
            graph = GraphFile(open_session(path, CUDA, asked=self.asked), path)
            if graph.provider == CUDA:
                return DeviceEngine(graph, "cuda"), CUDA
            self._wanted = CPU
        path = self.folder / FAKE_SCORE_FILE
        return RowEngine(GraphFile(open_session(path, CPU, asked="cpu"), path), table), CPU

    def _score_piece(self, src: pa.Array, dst: pa.Array, unknown: Unknown) -> Float32:
        return self.score_positions(*self._positions(src, dst, unknown))

    def _positions(self, src: pa.Array, dst: pa.Array, unknown: Unknown) -> tuple[Int64, Int64]:
        left, right = self.lookup.pair(src, dst)
        if unknown == "error":
            refuse_unknown(src, left, _REST)
            refuse_unknown(dst, right, _REST)
            refuse_self_ties(src, left == right, _REST_OF_TIES)
        return left, right


def reopened(folder: str, provider: Provider, threads: int, digest: str) -> OnnxScorer:
    """Open the bundle at ``folder`` in another process.

    Raises:
        ArtifactError: it is another than the one with ``digest``.
    """
    opened = OnnxScorer.open(folder, provider=provider, threads=threads)
    if opened.digest != digest:
        raise ArtifactError(f"{folder}: was exported anew since the scorer was sent; send one that was opened since")
    return opened
