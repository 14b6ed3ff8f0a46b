from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.errors import ArtifactError, DataError, DeviceError, UsageError
from recdiff.machine.cores import cores
from recdiff.scorer.pair_scorer import PairScorer
from recdiff_export import OnnxScorer, Parts, export_bundle
from recdiff_export.bundle import reference
from recdiff_export.bundle.held import Held
from recdiff_export.runtime import provider
from recdiff_export.runtime.engine import DeviceEngine
from recdiff_export.runtime.provider import CPU, CUDA, GraphFile, choose_provider, open_session
from tests.export.export_parts import ITEMS, USERS, WIDTH, parts


def raw(positions: np.ndarray) -> list[int]:
    return (3 * np.asarray(positions) + 7).tolist()


def new_pairs(model: Parts, count: int = 500) -> np.ndarray:
    known = {*zip(model.fitted.src.tolist(), model.fitted.dst.tolist(), strict=True)}
    known |= {(b, a) for a, b in known}
    drawn = np.random.default_rng(6).integers(0, USERS, (count, 2))
    return np.array([pair for pair in drawn.tolist() if tuple(pair) not in known and pair[0] != pair[1]])


def test_a_fitted_edge_gets_its_stored_score_in_either_direction(onnx_scorer: OnnxScorer, small_parts: Parts) -> None:
    fitted = small_parts.fitted
    for ends in ((fitted.src, fitted.dst), (fitted.dst, fitted.src)):
        scores = onnx_scorer.score(raw(ends[0]), raw(ends[1]))
        assert np.array_equal(scores, fitted.fake_score)


def test_a_new_edge_gets_the_full_graphs_score(onnx_scorer: OnnxScorer, small_parts: Parts) -> None:
    pairs = new_pairs(small_parts)
    weights = small_parts.scorer
    scores = onnx_scorer.score(raw(pairs[:, 0]), raw(pairs[:, 1]))
    expected, _ = reference.score_pairs(weights, weights.table[pairs[:, 0]], weights.table[pairs[:, 1]])
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_the_runtime_agrees_with_the_scorer_of_the_fit(onnx_scorer: OnnxScorer, small_parts: Parts) -> None:
    pairs, weights = new_pairs(small_parts), small_parts.scorer
    fields = ("terms", "mean", "scale", "clip", "layers", "offset", "calibration", "alike")
    fake, _ = PairScorer(**{name: getattr(weights, name) for name in fields}).score(weights.table, pairs)
    np.testing.assert_allclose(onnx_scorer.score(raw(pairs[:, 0]), raw(pairs[:, 1])), fake, atol=1e-5)


def test_directions_differ_in_a_directed_model(tmp_path: Path, quick_parity: None) -> None:
    model = parts(directed=True)
    export_bundle(model, tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        fitted = model.fitted
        assert np.array_equal(scorer.score(raw(fitted.src), raw(fitted.dst)), fitted.fake_score)
        arcs = {*zip(fitted.src.tolist(), fitted.dst.tolist(), strict=True)}
        one_way = np.array([arc for arc in sorted(arcs) if arc[::-1] not in arcs])
        back = scorer.score(raw(one_way[:, 1]), raw(one_way[:, 0]))
        table = model.scorer.table
        expected, _ = reference.score_pairs(model.scorer, table[one_way[:, 1]], table[one_way[:, 0]])
        np.testing.assert_allclose(back, expected, atol=1e-5)


def test_unknown_users_are_named_or_null(onnx_scorer: OnnxScorer) -> None:
    with pytest.raises(DataError, match=r"2 users are not in the model: 8, 9\. Leave them out"):
        onnx_scorer.score([7, 8, 9, 8], [10, 10, 10, 10])
    with pytest.raises(DataError, match="1 user is not in the model: -1"):
        onnx_scorer.score([7], [-1])
    scores = onnx_scorer.score([7, 8, 7], [10, 10, -5], unknown="null")
    assert np.array_equal(np.isnan(scores), [False, True, True])


def test_an_edge_of_a_user_with_itself_has_no_score(onnx_scorer: OnnxScorer) -> None:
    with pytest.raises(DataError, match=r"joins two different users; src and dst are both 10, 13\. Leave"):
        onnx_scorer.score([7, 10, 13, 10], [10, 10, 13, 10])
    scores = onnx_scorer.score([7, 10, 8], [10, 10, 8], unknown="null")
    assert np.array_equal(np.isnan(scores), [False, True, True])


def test_columns_must_pair_up_and_hold_ids(onnx_scorer: OnnxScorer) -> None:
    with pytest.raises(DataError, match="src has 1 ids and dst 2"):
        onnx_scorer.score([7], [7, 10])
    with pytest.raises(DataError, match="dst: ids must be whole numbers or text, got double"):
        onnx_scorer.score([7], [0.5])
    for nonsense in (5, None, 0.5, "ann", b"ann", object(), ["\ud83d"], [b"\xff", 7], np.zeros((1, 1)), [[7]], [{}]):
        with pytest.raises(DataError, match="src: "):
            onnx_scorer.score(nonsense, [7])


@pytest.mark.parametrize(
    "wrap", [list, np.array, pa.array, lambda ids: pa.array(map(str, ids)), lambda ids: list(map(str, ids))]
)
def test_ids_come_as_lists_numpy_arrow_numbers_or_text(onnx_scorer: OnnxScorer, wrap: object) -> None:
    ids, others = [7, 10, 13], [10, 13, 7]
    assert np.array_equal(onnx_scorer.score(wrap(ids), wrap(others)), onnx_scorer.score(ids, others))  # type: ignore[operator]


def test_text_ids(tmp_path: Path, quick_parity: None) -> None:
    model = parts(text_ids=True)
    export_bundle(model, tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        src, dst = (model.users.take(pa.array(side)) for side in (model.fitted.src, model.fitted.dst))
        assert np.array_equal(scorer.score(src, dst), model.fitted.fake_score)
        with pytest.raises(DataError, match="'u999'"):
            scorer.score(["u001"], ["u999"])


def test_empty_input_gives_empty_output(onnx_scorer: OnnxScorer) -> None:
    assert onnx_scorer.score([], []).shape == (0,)
    assert onnx_scorer.denoise(np.zeros((0, WIDTH))).shape == (0, WIDTH)
    assert onnx_scorer.recommend([], 3).num_rows == 0


def test_many_rows_and_threads_give_the_same(onnx_scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(8)
    pairs = generator.integers(0, USERS, (5000, 2))
    src, dst = map(raw, pairs[pairs[:, 0] != pairs[:, 1]].T)
    whole = onnx_scorer.score(src, dst)
    monkeypatch.setattr("recdiff_export.runtime.scorer.PIECE", 512)
    assert np.array_equal(onnx_scorer.score(src, dst), whole)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: onnx_scorer.score(src, dst), range(8)))
    assert all(np.array_equal(result, whole) for result in results)


def test_pickling_reopens(onnx_scorer: OnnxScorer) -> None:
    copy = pickle.loads(pickle.dumps(onnx_scorer))  # noqa: S301
    assert np.array_equal(copy.score([7], [10]), onnx_scorer.score([7], [10]))
    assert (copy.threads, copy.folder) == (onnx_scorer.threads, onnx_scorer.folder)


def test_a_closed_scorer_starts_again(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recdiff_export.runtime.scorer.PIECE", 2)
    scorer = OnnxScorer.open(bundle, provider="cpu", threads=2)
    before = scorer.score([7, 10, 13], [10, 13, 16])
    scorer.close()
    assert np.array_equal(scorer.score([7, 10, 13], [10, 13, 16]), before)
    scorer.close()


def test_batches_of_every_kind_keep_their_columns(onnx_scorer: OnnxScorer) -> None:
    columns = {"src": np.array([7, 8]), "dst": np.array([10, 10]), "weight": np.array([0.5, 1.5])}
    expected = onnx_scorer.score([7], [10])[0]
    as_dict = onnx_scorer.score_batch(columns)
    assert list(as_dict) == ["src", "dst", "weight", "fake_score"]
    assert as_dict["fake_score"][0] == expected
    assert np.isnan(as_dict["fake_score"][1])
    for batch in (pa.record_batch(columns), pa.table(columns)):
        scored = onnx_scorer.score_batch(batch)
        assert scored.schema.names == ["src", "dst", "weight", "fake_score"]
        assert scored["fake_score"].to_pylist() == [expected, None]
    with pytest.raises(DataError, match="column dst is missing; the batch has src"):
        onnx_scorer.score_batch({"src": [7]})


def test_recommendations_are_the_best_unseen(onnx_scorer: OnnxScorer, small_parts: Parts) -> None:
    assert small_parts.recommender is not None
    table = onnx_scorer.recommend(raw(np.arange(USERS)), 4)
    scores = reference.item_scores(small_parts.recommender, np.arange(USERS))
    # The second user has seen every item.
    wanted = [user for user in range(USERS) if user != 1]
    expected = np.argsort(-scores[wanted], axis=1, kind="stable")[:, :4]
    assert table["user_id"].to_pylist() == np.repeat(raw(np.array(wanted)), 4).tolist()
    assert table["item_id"].to_pylist() == [f"i{item:02d}" for item in expected.ravel()]
    assert table["rank"].to_pylist() == [1, 2, 3, 4] * len(wanted)
    best = np.take_along_axis(scores[wanted], expected, axis=1).ravel()
    np.testing.assert_allclose(table["score"].to_numpy(), best, atol=1e-5)


def test_recommending_in_blocks_gives_the_same(onnx_scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    users = raw(np.arange(20))
    whole = onnx_scorer.recommend(users, 3)
    monkeypatch.setattr("recdiff_export.runtime.recommendation._MOST_SCORES", 3 * (ITEMS + 1))
    assert onnx_scorer.recommend(users, 3).equals(whole)


def test_recommending_refuses_nonsense(onnx_scorer: OnnxScorer) -> None:
    with pytest.raises(UsageError, match="k must be at least 1, not 0"):
        onnx_scorer.recommend([7], 0)
    with pytest.raises(DataError, match="not in the model: 8"):
        onnx_scorer.recommend([7, 8], 2)


def test_denoising_in_blocks(onnx_scorer: OnnxScorer, small_parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert small_parts.denoiser is not None
    rows = np.random.default_rng(1).standard_normal((50, WIDTH))
    monkeypatch.setattr("recdiff_export.runtime.scorer._DENOISE_ROWS", 16)
    found = onnx_scorer.denoise(rows)
    np.testing.assert_allclose(found, reference.denoise(small_parts.denoiser, rows), atol=1e-5)


@pytest.mark.parametrize("rows", [np.zeros((3, WIDTH + 1)), np.zeros(WIDTH), np.array([["a"] * WIDTH])])
def test_denoising_refuses_other_shapes(onnx_scorer: OnnxScorer, rows: np.ndarray) -> None:
    with pytest.raises(DataError, match=rf"embeddings must be numbers \(rows, {WIDTH}\)"):
        onnx_scorer.denoise(rows)


def test_the_device_engine_agrees_with_the_row_engine(bundle: Path, onnx_scorer: OnnxScorer) -> None:
    """On a processor: the same code moves positions to a card and scores back."""
    path = bundle / "scorer_by_id.onnx"
    device = DeviceEngine(GraphFile(open_session(path, CPU, asked="cpu"), path), "cpu")
    src = np.random.default_rng(3).integers(0, USERS, 700)
    dst = (src + 1 + src % 9) % USERS
    np.testing.assert_allclose(device.score(src, dst), onnx_scorer._engine.score(src, dst), atol=1e-6)


def test_a_table_of_another_type_is_refused(bundle: Path) -> None:
    with pytest.raises(ArtifactError, match="holds int8"):
        Held.of(bundle / "user_table.bin").table(1, 1, "int8")


def test_cuda_by_name_is_refused_where_it_is_not(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(DeviceError, match="this onnxruntime was built without it"):
        OnnxScorer.open(bundle, provider="cuda")
    assert choose_provider("auto") == CPU
    with pytest.raises(UsageError, match="provider 'tpu': accepted are auto, cpu, cuda"):
        choose_provider("tpu")  # type: ignore[arg-type]


def test_a_session_that_fell_back_is_noticed(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """ONNX Runtime answers a request for CUDA without its libraries with a session on the processor."""
    real = provider.Session
    monkeypatch.setattr(provider, "Session", lambda path, options, **_: real(path, options, providers=[CPU]))
    with pytest.raises(DeviceError, match="the session runs on CPUExecutionProvider"):
        open_session(bundle / "scorer.onnx", CUDA, asked="cuda")
    assert open_session(bundle / "scorer.onnx", CUDA, asked="auto").get_providers() == [CPU]
    assert "running on CPUExecutionProvider" in caplog.text


def test_a_broken_model_is_refused_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scorer.onnx").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match=r"scorer\.onnx: ONNX Runtime cannot load it"):
        open_session(tmp_path / "scorer.onnx", CPU, asked="cpu")
    assert capfd.readouterr().out == "", "stdout belongs to the caller's results"


def test_threads_follow_the_cores_there_are(bundle: Path) -> None:
    assert OnnxScorer.open(bundle, provider="cpu").threads == cores()
    with pytest.raises(UsageError, match="threads must be at least 1"):
        OnnxScorer.open(bundle, provider="cpu", threads=0)


def test_scoring_imports_only_a_runtime(bundle: Path) -> None:
    code = (
        "import sys; from recdiff_export import OnnxScorer; "
        f"s = OnnxScorer.open({str(bundle)!r}); s.score([7], [10]); s.recommend([7], 2); "
        "print([m for m in ('torch', 'sklearn', 'onnx', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_commands_that_score_run_in_an_image_with_nothing_else(bundle: Path, tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        absent = ("torch", "sklearn", "onnx", "scipy", "safetensors")
        code = (
            f"import sys; sys.modules.update(dict.fromkeys({absent!r})); sys.argv[0] = 'recdiff-sdk'\n"
            "from recdiff_cli.main import main; main()"
        )
        return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path)

    pq.write_table(pa.table({"src": [7], "dst": [10]}), tmp_path / "edges.parquet")
    done = command("clean-edges", "--model", str(bundle), "--edges", "edges.parquet")
    assert done.returncode == 0, done.stderr
    parts = [tmp_path / "cleaned-edges" / name for name in ("kept.parquet", "removed.parquet")]
    assert sum(len(pq.read_table(part)) for part in parts) == 1
    missing = command("recommend", "--model", str(bundle))
    assert missing.returncode == 2
    assert "is not installed; run: pip install . in a checkout" in missing.stderr
