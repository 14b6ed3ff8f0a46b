"""Recommendations to somebody new are those of the model that was exported, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recdiff.errors import ArtifactError, DataError, UsageError
from recdiff.recommender.tables import Recommender
from recdiff_export import OnnxScorer, export_bundle
from tests.export.export_parts import ITEMS, parts

HISTORY, FRIENDS = ["i03", "i07", "i41"], [13, 7 + 3 * 150]


def of_model() -> Recommender:
    """Return the exported recommender as the SDK holds it."""
    weights = parts().recommender
    assert weights is not None
    assert weights.memory is not None
    return Recommender(
        user_table=weights.user_table,
        item_table=weights.item_table,
        own=np.zeros_like(weights.user_table),
        item_memory=weights.memory.items,
        user_memory=weights.memory.users,
        tie_weight=weights.memory.tie_weight,
    )


@pytest.mark.parametrize(("history", "friends"), [(HISTORY, FRIENDS), (HISTORY, []), ([], FRIENDS)])
def test_the_best_items_are_those_of_the_model(onnx_scorer: OnnxScorer, history: list[str], friends: list[int]) -> None:
    model = of_model()
    used = np.array([int(item[1:]) for item in history], np.int64)
    tied = np.array([(user - 7) // 3 for user in friends], np.int64)
    scores = model.item_table @ model.fold_in(used, tied)
    scores[used] = -np.inf
    order = np.argsort(-scores, kind="stable")
    for k in (1, 10, ITEMS, 10 * ITEMS):
        table = onnx_scorer.recommend_new(history, friends, k)
        best = order[: min(k, ITEMS - len(used))]
        assert table["item_id"].to_pylist() == [f"i{item:02d}" for item in best]
        np.testing.assert_allclose(table["score"].to_numpy(), scores[best], rtol=1e-5, atol=1e-6)
        assert table["rank"].to_pylist() == list(range(1, len(best) + 1))
    assert onnx_scorer.recommend_new(2 * history, 2 * friends, 5).equals(onnx_scorer.recommend_new(history, friends, 5))


def test_who_cannot_be_answered_is_told_why(onnx_scorer: OnnxScorer) -> None:
    with pytest.raises(DataError, match=r"1 item is not in the model: 'ghost'\. Leave them out, or fit again"):
        onnx_scorer.recommend_new(["ghost"], FRIENDS)
    with pytest.raises(DataError, match=r"2 users are not in the model: 8, 9\."):
        onnx_scorer.recommend_new(HISTORY, [8, 9])
    with pytest.raises(DataError, match="needs a history of items, or friends"):
        onnx_scorer.recommend_new()
    with pytest.raises(UsageError, match="k must be at least 1, not 0"):
        onnx_scorer.recommend_new(HISTORY, k=0)
    with pytest.raises(DataError, match="or recommend to somebody new with recommend_new"):
        onnx_scorer.recommend([8])


@pytest.mark.usefixtures("quick_parity")
def test_a_bundle_without_memory_says_so(tmp_path: Path) -> None:
    model = parts()
    assert model.recommender is not None
    bare = replace(model, recommender=replace(model.recommender, memory=None))
    export_bundle(bare, tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        assert scorer.recommend([13], 3).num_rows == 3
        with pytest.raises(DataError, match="cannot recommend to somebody new: export the bundle again"):
            scorer.recommend_new(HISTORY)


def test_memory_of_another_shape_is_no_memory() -> None:
    weights = parts().recommender
    assert weights is not None
    assert weights.memory is not None
    with pytest.raises(ArtifactError, match="do not fit together"):
        replace(weights, memory=replace(weights.memory, items=weights.memory.items[1:]))
