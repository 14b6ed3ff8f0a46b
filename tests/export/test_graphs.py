"""Each graph computes what the reference formulas compute, whatever the weights' shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from recdiff.errors import ArtifactError
from recdiff.scorer.pair_scorer import PairTerm
from recdiff_export.bundle import reference
from recdiff_export.bundle.graphs.denoiser import UNROLL_LIMIT, denoiser_graph
from recdiff_export.bundle.graphs.scorer import scorer_graph
from recdiff_export.bundle.graphs.writer import IR_VERSION, OPSET, Graph
from recdiff_export.bundle.parts import ScorerWeights
from recdiff_export.runtime.provider import CPU, open_session
from tests.export.export_parts import (
    DIRECTED_TERMS,
    ITEMS,
    SYMMETRIC_TERMS,
    USERS,
    WIDTH,
    denoiser,
    normal,
    parts,
    recommender,
    scorer,
)

ROWS = normal(np.random.default_rng(9), 300, WIDTH)


def run(graph: Graph, folder: Path, **inputs: np.ndarray) -> list[np.ndarray]:
    path = folder / "graph.onnx"
    graph.save(path, {"steps": "5"})
    return open_session(path, CPU, asked="cpu").run(None, inputs)


def packed(weights: ScorerWeights, rows: np.ndarray) -> np.ndarray:
    """Rows of a table, as the graph of ``weights`` reads them."""
    return replace(weights, table=rows).packed.astype(np.float32)


@pytest.mark.parametrize("batch", [0, 1, 7, 300])
@pytest.mark.parametrize("steps", [1, 20, UNROLL_LIMIT + 1, 200])
def test_denoiser_follows_the_reverse_walk(tmp_path: Path, steps: int, batch: int) -> None:
    weights = denoiser(steps)
    (found,) = run(denoiser_graph(weights), tmp_path, embedding=ROWS[:batch])
    np.testing.assert_allclose(found, reference.denoise(weights, ROWS[:batch]), atol=1e-5)


@pytest.mark.parametrize("steps", [3, UNROLL_LIMIT + 3])
@pytest.mark.parametrize(
    ("activation", "layers", "normalise"), [("silu", 1, True), ("tanh", 3, False), ("silu", 2, False)]
)
def test_denoiser_shapes_and_activations(
    tmp_path: Path, steps: int, activation: str, layers: int, normalise: bool
) -> None:
    weights = denoiser(steps, activation, layers, normalise)
    (found,) = run(denoiser_graph(weights), tmp_path, embedding=ROWS)
    np.testing.assert_allclose(found, reference.denoise(weights, ROWS), atol=1e-5)


def test_a_row_of_zeros_is_denoised_not_divided_by_zero(tmp_path: Path) -> None:
    (found,) = run(denoiser_graph(denoiser()), tmp_path, embedding=np.zeros((1, WIDTH), np.float32))
    assert np.isfinite(found).all()


def test_long_walks_are_loops_and_short_ones_are_not(tmp_path: Path) -> None:
    for steps, looped in ((UNROLL_LIMIT, False), (UNROLL_LIMIT + 1, True)):
        operators = {node.op_type for node in denoiser_graph(denoiser(steps)).proto().node}
        assert ("Loop" in operators) == looped


@pytest.mark.parametrize(
    "terms",
    [
        SYMMETRIC_TERMS,
        DIRECTED_TERMS,
        (PairTerm("product", (0, WIDTH), (0, WIDTH)),),
        (PairTerm("dot", (2, 6), (2, 6)), PairTerm("dot", (4, 9), (4, 9)), PairTerm("dot", (0, 3), (7, 10))),
        (
            PairTerm("dot", (2, 6), (2, 6)),
            PairTerm("dot", (2, 6), (2, 6), (1, 1)),
            PairTerm("dot", (0, 3), (7, 10), (8, 2)),
        ),
        (PairTerm("dot", (2, 6), (2, 6), (1, 1)), PairTerm("dot", (0, 3), (7, 10), (8, 2))),
        (PairTerm("split", (0, 3), (5, 8)), PairTerm("split", (9, 12), (3, 6)), PairTerm("sum", (4, 9), (4, 9))),
        (PairTerm("dst", (1, 4), (6, 9)), PairTerm("src", (1, 4), (6, 9)), PairTerm("gap", (0, 2), (3, 5))),
    ],
)
@pytest.mark.parametrize("kinds", [1, 3])
def test_scorer_follows_the_formula(tmp_path: Path, terms: tuple[PairTerm, ...], kinds: int) -> None:
    weights = scorer(terms, kinds)
    a, b = ROWS[:150], ROWS[150:]
    fake, shares = run(scorer_graph(weights), tmp_path, src_row=packed(weights, a), dst_row=packed(weights, b))
    expected_fake, expected_shares = reference.score_pairs(weights, a, b)
    np.testing.assert_allclose(fake, expected_fake, atol=1e-5)
    np.testing.assert_allclose(shares, expected_shares, atol=1e-5)
    np.testing.assert_allclose(shares.sum(axis=1), fake, atol=1e-6)


def test_symmetric_terms_score_both_directions_the_same_to_the_bit(tmp_path: Path) -> None:
    graph = scorer_graph(scorer())
    a, b = packed(scorer(), ROWS[:150]), packed(scorer(), ROWS[150:])
    there = run(graph, tmp_path, src_row=a, dst_row=b)[0]
    back = run(graph, tmp_path, src_row=b, dst_row=a)[0]
    assert np.array_equal(there, back)


def test_the_clip_is_applied(tmp_path: Path) -> None:
    far = ROWS[:1] * np.float32(3e3)
    rows = packed(scorer(), far)
    fake, _ = run(scorer_graph(scorer()), tmp_path, src_row=rows, dst_row=rows)
    expected, _ = reference.score_pairs(scorer(), far, far)
    np.testing.assert_allclose(fake, expected, atol=1e-5)


def test_by_id_agrees_and_unknown_positions_score_nan(bundle: Path) -> None:
    session = open_session(bundle / "scorer_by_id.onnx", CPU, asked="cpu")
    src, dst = np.array([0, 5, -1, USERS - 1]), np.array([1, -1, 2, 0])
    fake, kinds = session.run(None, {"src": src, "dst": dst})
    table = scorer().table
    expected, _ = reference.score_pairs(scorer(), table[src], table[dst])
    assert np.array_equal(np.isnan(fake), [False, True, True, False])
    assert np.array_equal(np.isnan(kinds[:, 0]), [False, True, True, False])
    np.testing.assert_allclose(fake[[0, 3]], expected[[0, 3]], atol=1e-5)


def test_recommender_masks_what_was_seen(bundle: Path) -> None:
    session = open_session(bundle / "recommender.onnx", CPU, asked="cpu")
    users = np.arange(USERS)
    items, scores = session.run(None, {"user": users, "k": np.array([5])})
    weights = recommender()
    expected = reference.item_scores(weights, users)
    np.testing.assert_allclose(scores, -np.sort(-expected, axis=1)[:, :5], atol=1e-5)
    for user in users[2:]:
        seen = weights.seen_items[weights.seen_indptr[user] : weights.seen_indptr[user + 1]]
        assert not set(items[user]) & set(seen)
    assert np.isneginf(scores[1]).all()


def test_recommender_bounds_k_and_marks_unknown_users(bundle: Path) -> None:
    session = open_session(bundle / "recommender.onnx", CPU, asked="cpu")
    items, scores = session.run(None, {"user": np.array([-1, 0]), "k": np.array([10 * ITEMS])})
    assert items.shape == (2, ITEMS)
    assert np.isnan(scores[0]).all()
    assert sorted(items[1]) == list(range(ITEMS))


def test_models_are_pinned_and_carry_their_metadata(bundle: Path) -> None:
    for path in bundle.glob("*.onnx"):
        model = onnx.load(path, load_external_data=False)
        properties = {entry.key: entry.value for entry in model.metadata_props}
        assert (model.opset_import[0].version, model.ir_version) == (OPSET, IR_VERSION)
        assert properties["threshold"] == "0.5"
        assert properties.keys() >= {"schema", "sdk_version", "steps", "ids_sha256", "weights_sha256", "noise_share"}


@pytest.mark.parametrize("field", ["first", "step_bias", "ct"])
def test_weights_that_do_not_fit_are_refused(field: str) -> None:
    good = vars(denoiser())
    with pytest.raises(ArtifactError, match="do not fit together"):
        type(denoiser())(**{**good, field: good[field][:-1]})


def test_parts_with_a_table_of_other_users_are_refused() -> None:
    good = parts()
    with pytest.raises(ArtifactError, match="one row per user"):
        type(good)(**{**vars(good), "users": good.users[:-1]})


def test_columns_that_no_term_reads_are_left_out_and_float16_is_kept_where_exact() -> None:
    terms = (PairTerm("dot", (0, 4), (0, 4)), PairTerm("src", (4, 6), (9, 11)))
    weights = scorer(terms)
    assert weights.packed.shape == (USERS, 6)
    assert weights.packed.dtype == np.float32
    rounded = replace(weights, table=weights.table.astype(np.float16).astype(np.float32))
    assert rounded.packed.dtype == np.float16
    huge = replace(rounded, table=rounded.table + np.float32(1e6))
    assert huge.packed.dtype == np.float32


def test_a_float16_table_scores_the_same(tmp_path: Path) -> None:
    weights = replace(scorer(), table=ROWS.astype(np.float16).astype(np.float32))
    rows = weights.packed
    fake, _ = run(scorer_graph(weights), tmp_path, src_row=rows[:150], dst_row=rows[150:])
    expected, _ = reference.score_pairs(weights, weights.table[:150], weights.table[150:])
    np.testing.assert_allclose(fake, expected, atol=1e-5)
