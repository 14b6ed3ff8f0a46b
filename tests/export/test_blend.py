"""A bundle ranks as the SDK does where members are blended with the recommender, whatever there is of a user."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from safetensors.numpy import load_file

from recdiff.blend.blend import Blend, counts
from recdiff.blend.names import EASE, OURS, POPULARITY, WALKS
from recdiff.errors import ArtifactError
from recdiff.estimator import RecDiff
from recdiff.metrics.ranking import mask_rows, top_items
from recdiff.model.folder import write_artifact
from recdiff.recommender.tables import Recommender
from recdiff_export import OnnxScorer, export_bundle
from recdiff_export.bundle.from_model import parts_of
from recdiff_export.bundle.manifest import read_manifest
from recdiff_export.bundle.names import POPULARITY_FILE, blend_files
from recdiff_export.bundle.parts import BlendWeights, RecommenderWeights
from recdiff_export.targets.huggingface import export_huggingface
from recdiff_export.targets.triton import export_triton
from tests.export.export_parts import ITEMS, USERS, parts, recommender
from tests.export.hostile import edited
from tests.update.quick import fit

SETTINGS: Mapping[str, Mapping[str, float]] = {WALKS: {"alpha": 0.6, "beta": 0.2}, EASE: {"ridge": 20.0}}
MIXTURES = [
    {OURS: 0.4, WALKS: 0.3, EASE: 0.3},
    {OURS: 0.5, WALKS: 0.2, EASE: 0.2, POPULARITY: 0.1},
    {WALKS: 1.0},
    {EASE: 1.0},
    {POPULARITY: 1.0},
]
K = 12


def blend_of(weights: Mapping[str, float], train: sp.csr_matrix) -> Blend:
    settings = {name: each for name, each in SETTINGS.items() if name in weights}
    return Blend(weights, settings, popularity=counts(train) if POPULARITY in weights else None).refitted(train)


@cache
def history() -> sp.csr_matrix:
    """Return what users were fitted with: nothing of every fifth, all items of the third, an item of nobody."""
    dense = np.random.default_rng(6).random((USERS, ITEMS)) < 0.15
    dense[::5] = False
    dense[2] = True
    dense[:, 7] = False
    return sp.csr_matrix(dense.astype(np.float32))


def held_of(blend: Blend) -> BlendWeights:
    tables = {name: (table.items, table.weights) for name, table in blend.tables.items()}
    starts, items = history().indptr.astype(np.int64), history().indices.astype(np.int64)
    return BlendWeights(blend.weights, tables, blend.popularity, starts, items)


def weights_of(weights: Mapping[str, float]) -> RecommenderWeights:
    plain = recommender()
    # Users without anything share a row; the fifth of them is one whom the recommender gives nothing to go by.
    plain.user_table[::5] = plain.user_table.mean(axis=0)
    plain.user_table[25] = 0
    return replace(plain, blend=held_of(blend_of(weights, history())))


def by_sdk(weights: RecommenderWeights, mixture: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the K best unseen items of all users and their scores, as the SDK ranks."""
    own = np.asarray(weights.user_table @ weights.item_table.T, np.float32)
    scores = blend_of(mixture, history()).scores(own, history())
    ones = np.ones(len(weights.seen_items), np.float32)
    mask_rows(scores, sp.csr_matrix((ones, weights.seen_items, weights.seen_indptr), own.shape), np.arange(USERS))
    best = top_items(scores, K)
    return best, np.take_along_axis(scores, best, axis=1)


@pytest.mark.parametrize("weights", MIXTURES, ids=lambda weights: "-".join(weights))
def test_a_bundle_ranks_as_the_sdk(weights: dict[str, float], tmp_path: Path, quick_parity: None) -> None:
    held = weights_of(weights)
    export_bundle(replace(parts(), recommender=held), tmp_path / "onnx")
    manifest = read_manifest(tmp_path / "onnx")
    counted = {POPULARITY_FILE} if POPULARITY in weights else set()
    assert {*blend_files({EASE, WALKS} & {*weights}), *counted} == {
        name for name in manifest.files if name.startswith(("blend", "history"))
    }
    best, scores = by_sdk(held, weights)
    there = np.isfinite(scores)
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu", threads=2) as scorer:
        found = scorer.recommend(scorer.users.values, K)
    assert found["item_id"].to_pylist() == [f"i{item:02d}" for item in best[there]]
    np.testing.assert_allclose(found["score"].to_numpy(), scores[there], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", MIXTURES, ids=lambda weights: "-".join(weights))
def test_somebody_new_is_ranked_by_every_member(weights: dict[str, float], tmp_path: Path, quick_parity: None) -> None:
    held = weights_of(weights)
    assert held.memory is not None
    export_bundle(replace(parts(), recommender=held), tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu", threads=1) as scorer:
        for used, tied in (([3, 7, 41], [2, 9]), ([], [4])):
            best, scores = new_by_sdk(held, weights, np.array(used, np.int64), np.array(tied, np.int64))
            ids = (
                values.take(pa.array(each, pa.int64()))
                for values, each in zip((scorer.items.values, scorer.users.values), (used, tied), strict=True)
            )
            found = scorer.recommend_new(*ids, K)
            assert found["item_id"].to_pylist() == [f"i{item:02d}" for item in best]
            np.testing.assert_allclose(found["score"].to_numpy(), scores[best], rtol=1e-5, atol=1e-5)


def new_by_sdk(
    held: RecommenderWeights, weights: Mapping[str, float], used: np.ndarray, tied: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the K best items of somebody new, and the scores (I,) of all, as the SDK ranks."""
    memory = held.memory
    assert memory is not None
    own = np.zeros_like(held.user_table)
    model = Recommender(held.user_table, held.item_table, own, memory.items, memory.users, memory.tie_weight)
    rows = np.asarray(model.fold_in(used, tied)[None] @ held.item_table.T, np.float32)
    listed = sp.csr_matrix((np.ones(len(used), np.float32), (np.zeros(len(used), np.int64), used)), (1, ITEMS))
    scores = blend_of(weights, history()).scores(rows, listed)[0]
    scores[used] = -np.inf
    return np.argsort(-scores, kind="stable")[:K], scores


def test_blocks_and_lists_of_any_length_give_the_same(
    tmp_path: Path, quick_parity: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_bundle(replace(parts(), recommender=weights_of(MIXTURES[0])), tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu", threads=1) as scorer:
        ids = scorer.users.values
        whole = scorer.recommend(ids, 3)
        monkeypatch.setattr("recdiff_export.runtime.recommendation._MOST_SCORES", 4_000)
        assert scorer.recommend(ids, 3).equals(whole)
        # Nobody in the batch has any item.
        alone = scorer.recommend(ids.take(np.array([0, 5])), 3)
        assert alone["item_id"].to_pylist() == [
            row["item_id"] for row in whole.to_pylist() if row["user_id"] in ids.take(np.array([0, 5])).to_pylist()
        ]


def test_a_model_with_a_blend_goes_through_its_folder_into_a_bundle(tmp_path: Path, quick_parity: None) -> None:
    fitted = fit(False)
    model = fitted.fitted_
    blend = blend_of(MIXTURES[1], model.trained)
    blended = replace(model, blend=blend, judged_blend=None if model.judged is None else blend)
    write_artifact(tmp_path / "model", blended.to_artifact(fitted.config_))
    wanted = RecDiff.load(tmp_path / "model").recommend(k=5)
    export_bundle(parts_of(tmp_path / "model"), tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        found = scorer.recommend(model.users.values, 5)
    assert found["user_id"].to_pylist() == wanted["user_id"].to_pylist()
    assert found["item_id"].to_pylist() == wanted["item_id"].to_pylist()


def test_a_member_that_a_bundle_cannot_hold_is_refused() -> None:
    strange = Blend({OURS: 0.5, "oracle": 0.5}, tables={"oracle": blend_of({WALKS: 1.0}, history()).tables[WALKS]})
    with pytest.raises(ArtifactError, match="cannot export: a bundle does not know how to rank by the member oracle"):
        held_of(strange)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("blend_walks_items.bin", lambda data: data[:-4], "cannot load it"),
        ("blend_walks_weights.bin", lambda data: data * 2, "does not fit"),
        ("blend_ease_items.bin", lambda data: b"\x7f" * len(data), "names an item that is not in the bundle"),
        ("history_indptr.bin", lambda data: data[::-1], "does not fit"),
        ("history_items.bin", lambda data: data[:-8], "cannot load it"),
    ],
)
def test_damaged_tables_of_members_are_refused_by_name(
    name: str, change: object, said: str, blended_bundle: Path
) -> None:
    edited(name, change)(blended_bundle)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match=said) as caught:
        OnnxScorer.open(blended_bundle, provider="cpu")
    assert name.removesuffix(".bin") in str(caught.value)


def test_other_layouts_hold_the_members_too(blended_bundle: Path, tmp_path: Path) -> None:
    held = replace(parts(), recommender=weights_of(MIXTURES[0]))
    export_huggingface(held, blended_bundle, tmp_path / "theirs")
    assert {*blend_files((EASE, WALKS))} <= {path.name for path in (tmp_path / "theirs" / "onnx").iterdir()}
    assert held.recommender is not None
    assert held.recommender.blend is not None
    tensors = load_file(tmp_path / "theirs" / "model.safetensors")
    assert np.array_equal(tensors["blend.walks.items"], held.recommender.blend.tables[WALKS][0])
    pytest.importorskip("tritonclient")
    export_triton(held, blended_bundle, tmp_path / "triton")
    served = {path.name for path in (tmp_path / "triton" / "recdiff_recommender" / "1").iterdir()}
    assert {*blend_files((EASE, WALKS))} <= served


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blended") / "onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recdiff_export.bundle.parity.BATCHES", (0, 1, 7))
        export_bundle(replace(parts(), recommender=weights_of(MIXTURES[0])), folder)
    return folder


@pytest.fixture
def blended_bundle(exported: Path, tmp_path: Path) -> Path:
    """Return a copy that may be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "onnx"))
