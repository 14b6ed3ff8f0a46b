"""Compare a written bundle with the reference formulas, before anyone can see the bundle.

An error is |graph - reference| relative to the largest |reference| of its row where that exceeds 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from recdiff.arrays import Float64, Int64
from recdiff.errors import ArtifactError
from recdiff.graph.keys import keys_of
from recdiff.machine.cores import cores
from recdiff_export.bundle import reference
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.manifest import ParityRecord
from recdiff_export.bundle.names import (
    DENOISER_FILE,
    FAKE_SCORE_FILE,
    FITTED_FILES,
    RECOMMENDER_FILE,
    SCORER_BY_ID_FILE,
    SCORER_FILE,
)
from recdiff_export.bundle.parts import FittedEdges, Parts
from recdiff_export.runtime.known_scores import FittedScores
from recdiff_export.runtime.provider import CPU, open_session

BATCHES = (0, 1, 7, 4096, 100_000)
TOLERANCE = 1e-5
# Scores of one recommender batch, B * I: bounds the memory of the check, not of the graph.
_MOST_SCORES = 20_000_000
# Distinct rows, a prime: the reference is slow, and blocks of any even size then hold different rows.
_DISTINCT = 4093
_TOP = 20
_SEED = 20


def measure_parity(folder: Path, parts: Parts) -> tuple[ParityRecord, ...]:
    """Run every graph in ``folder`` on random and real rows at every batch size and return the errors."""
    checks = [_denoiser(folder, parts), _scorer(folder, parts), _fitted(folder, parts), _recommender(folder, parts)]
    return tuple(entry for check in checks for entry in check)


def measure_served(model: Path, parts: Parts) -> tuple[ParityRecord, ...]:
    """Run a scorer_by_id graph that knows the fitted edges and return how far it is from what SDK and runtime say.

    Every fitted edge, of undirected ones also the other way round, must come back with its stored score; pairs that
    are no fitted edge must score as the formulas do.
    """
    session, fitted, users = _session(model), parts.fitted, len(parts.users)
    ends = {"fitted": (fitted.src, fitted.dst)}
    if not fitted.directed:
        ends["fitted, turned round"] = fitted.dst, fitted.src
    found = [
        ParityRecord("scorer_by_id with stored scores", name, len(src), _stored_error(session, src, dst, fitted))
        for name, (src, dst) in ends.items()
    ]
    src, dst = _drawn(users)
    known = keys_of(fitted.src, fitted.dst, users, directed=fitted.directed)
    new = ~np.isin(keys_of(src, dst, users, directed=fitted.directed), known)
    src, dst = src[new], dst[new]
    expected = np.column_stack(reference.score_pairs(parts.scorer, parts.scorer.table[src], parts.scorer.table[dst]))
    scored = np.column_stack(session.run(None, {"src": src, "dst": dst}))
    return (*found, ParityRecord("scorer_by_id with stored scores", "new", len(src), _error(scored, expected)))


def _stored_error(session: ort.InferenceSession, src: Int64, dst: Int64, fitted: FittedEdges) -> float:
    """Return how far scores of fitted edges are from the stored ones, and from what their kinds add up to."""
    worst = 0.0
    for start in range(0, len(src), BATCHES[-1]):
        block = slice(start, start + BATCHES[-1])
        fake, kinds = session.run(None, {"src": src[block], "dst": dst[block]})
        for said in (fake, kinds.sum(axis=1)):
            # NaN stays NaN, which is too far; max() would lose it.
            worst = float(np.maximum(worst, _error(said, fitted.fake_score[block])))
    return worst


def require_parity(measured: Iterable[ParityRecord], tolerance: float) -> None:
    """Refuse a bundle with an error above ``tolerance``.

    Raises:
        ArtifactError: naming each graph that is too far off (NaN counts as too far).
    """
    worst = [
        f"{m.graph} on {m.batch} {m.rows} rows: {m.max_error:.2e}" for m in measured if not m.max_error <= tolerance
    ]
    if worst:
        raise ArtifactError(f"export failed its parity check (tolerance {tolerance:g}): {'; '.join(worst)}")


def _denoiser(folder: Path, parts: Parts) -> Iterator[ParityRecord]:
    if parts.denoiser is None:
        return
    weights = parts.denoiser
    session = _session(folder / DENOISER_FILE)
    pools = {"random": np.random.default_rng(_SEED).standard_normal((_DISTINCT, weights.width), dtype=np.float32)}
    if parts.denoiser_rows is not None and len(parts.denoiser_rows):
        pools["real"] = parts.denoiser_rows[:_DISTINCT].astype(np.float32)
    for name, pool in pools.items():
        expected = reference.denoise(weights, pool)
        for batch in BATCHES:
            (found,) = session.run(None, {"embedding": _repeat(pool, batch)})
            yield ParityRecord("denoiser", name, batch, _error(found, _repeat(expected, batch)))


def _scorer(folder: Path, parts: Parts) -> Iterator[ParityRecord]:
    table, packed = parts.scorer.table, parts.scorer.packed
    names = (SCORER_FILE, FAKE_SCORE_FILE, SCORER_BY_ID_FILE)
    by_row, fake_only, by_id = (_session(folder / name) for name in names)
    for name, (src, dst) in _pairs(parts).items():
        fake, kinds = reference.score_pairs(parts.scorer, table[src], table[dst])
        expected = np.column_stack([fake, kinds])
        for batch in BATCHES:
            s, d, known = _repeat(src, batch), _repeat(dst, batch), _repeat(expected, batch)
            rows = {"src_row": packed[s], "dst_row": packed[d]}
            found = {
                "scorer": np.column_stack(by_row.run(None, rows)),
                "scorer_by_id": np.column_stack(by_id.run(None, {"src": s, "dst": d})),
            }
            for graph, values in found.items():
                yield ParityRecord(graph, name, batch, _error(values, known))
            yield ParityRecord("fake_score", name, batch, _error(fake_only.run(None, rows)[0], known[:, 0]))


def _pairs(parts: Parts) -> dict[str, tuple[Int64, Int64]]:
    pairs = {"random": _drawn(len(parts.users))}
    if len(parts.fitted.src):
        pairs["real"] = (parts.fitted.src[:_DISTINCT], parts.fitted.dst[:_DISTINCT])
    return pairs


def _drawn(users: int) -> tuple[Int64, Int64]:
    """Return random pairs of two different users."""
    generator = np.random.default_rng(_SEED)
    src, step = generator.integers(0, users, _DISTINCT), generator.integers(1, users, _DISTINCT)
    return src, (src + step) % users


def _fitted(folder: Path, parts: Parts) -> Iterator[ParityRecord]:
    """A fitted edge must come back with its stored score, exactly; all of them are looked up."""
    fitted = parts.fitted
    files = {name: Held.of(folder / name) for name in FITTED_FILES}
    found = FittedScores.open(files, len(parts.users), directed=fitted.directed).find(fitted.src, fitted.dst)
    yield ParityRecord("fitted_scores", "real", len(fitted.src), _error(found, fitted.fake_score))


def _recommender(folder: Path, parts: Parts) -> Iterator[ParityRecord]:
    if parts.recommender is None:
        return
    weights = parts.recommender
    items, cells = len(weights.item_table), weights.cells
    session = _session(folder / RECOMMENDER_FILE)
    distinct = min(_DISTINCT, max(_MOST_SCORES // (10 * items + 10), 1))
    users = np.random.default_rng(_SEED).integers(0, len(weights.user_table), distinct)
    full = reference.item_scores(weights, users)
    # ONNX Runtime up to 1.28 divides by zero where it ranks no rows at all; the runtime asks for none either.
    for batch in sorted({min(size, _MOST_SCORES // cells + 1) for size in BATCHES if size}):
        item, score = session.run(None, {"user": _repeat(users, batch), "k": np.array([_TOP])})
        yield ParityRecord("recommender", "real", batch, _top_error(full, item, score))


def _top_error(full: Float64, items: Int64, scores: NDArray[np.float32]) -> float:
    """Compare the k best scores in order, and each item's own score with what was said of it.

    ``full`` (R, I) holds the reference scores of the distinct users that the batch repeats.
    """
    k = items.shape[1]
    best = -np.sort(np.partition(-full, k - 1, axis=1)[:, :k], axis=1)
    rows = np.arange(len(items)) % len(full)
    own, best = full[rows[:, None], np.minimum(items, full.shape[1] - 1)], best[rows]
    # A user out of unseen items is padded with -inf on both sides; any other -inf stays an infinite error.
    ran_out = np.isneginf(best) & np.isneginf(scores)
    own, best, said = (np.where(ran_out, 0.0, values) for values in (own, best, scores))
    return max(_error(said, best), _error(said, own))


def _repeat(pool: NDArray[Any], batch: int) -> NDArray[Any]:
    """Return ``batch`` rows that repeat the pool: a row's result does not depend on its neighbours."""
    return pool[np.arange(batch) % len(pool)]


def _error(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    if found.shape != expected.shape:
        return float("inf")
    if found.size == 0:
        return 0.0
    gap, size = np.abs(found.astype(np.float64) - expected), np.abs(expected)
    if expected.ndim == 2:
        size = size.max(axis=1, keepdims=True)
    return float(np.max(gap / np.maximum(size, 1.0)))


def _session(path: Path) -> ort.InferenceSession:
    return open_session(path, CPU, asked="cpu", threads=cores())
