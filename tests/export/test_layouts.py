"""The Triton repository and the Hugging Face folder, read back with their own libraries."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from recdiff.errors import ArtifactError, UsageError
from recdiff.estimator import RecDiff
from recdiff_export import OnnxScorer, Parts
from recdiff_export.bundle.from_model import parts_of
from recdiff_export.bundle.parts import FittedEdges
from recdiff_export.bundle.write import export_bundle
from recdiff_export.targets import triton
from recdiff_export.targets.huggingface import export_huggingface
from recdiff_export.targets.triton import MAX_BATCH, export_triton
from tests.export import export_parts

MODELS = ("recdiff_denoiser", "recdiff_scorer", "recdiff_recommender")


def test_triton_configs_pass_the_librarys_parser_and_fit_the_graphs(
    tmp_path: Path, bundle: Path, small_parts: Parts
) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    assert export_triton(small_parts, bundle, tmp_path / "repository") == tmp_path / "repository"
    assert sorted(path.name for path in (tmp_path / "repository").iterdir()) == sorted(MODELS)
    for name in MODELS:
        folder = tmp_path / "repository" / name
        config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        assert (config.name, config.platform) == (name, "onnxruntime_onnx")
        batched = name != "recdiff_recommender"
        assert config.max_batch_size == (MAX_BATCH if batched else 0)
        session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"), providers=["CPUExecutionProvider"])
        for described, actual in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
            assert [tensor.name for tensor in described] == [value.name for value in actual]
            for tensor, value in zip(described, actual, strict=True):
                dims = [] if tensor.HasField("reshape") else list(tensor.dims)
                shape = [size if isinstance(size, int) else -1 for size in value.shape]
                assert ([-1, *dims] if batched else dims) == shape


def test_a_triton_repository_is_replaced_and_foreign_folders_are_not(
    tmp_path: Path, bundle: Path, small_parts: Parts
) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    export_triton(small_parts, bundle, tmp_path / "repository")
    export_triton(small_parts, bundle, tmp_path / "repository")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(UsageError, match="which no export writes"):
        export_triton(small_parts, bundle, tmp_path / "mine")


def test_another_model_that_is_served_beside_ours_is_not_taken_away(
    tmp_path: Path, bundle: Path, small_parts: Parts
) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    export_triton(small_parts, bundle, tmp_path / "repository")
    other = tmp_path / "repository" / "resnet"
    other.mkdir()
    (other / "config.pbtxt").write_text('name: "resnet"')
    with pytest.raises(UsageError, match="holds 'resnet', which no export writes"):
        export_triton(small_parts, bundle, tmp_path / "repository")
    assert (other / "config.pbtxt").is_file()


@pytest.mark.parametrize("directed", [False, True])
def test_triton_scores_fitted_and_new_edges_as_the_runtime_does(tmp_path: Path, directed: bool) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    parts = export_parts.parts(directed=directed)
    export_bundle(parts, tmp_path / "bundle")
    export_triton(parts, tmp_path / "bundle", tmp_path / "repository")
    model = tmp_path / "repository" / "recdiff_scorer" / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    every = np.arange(export_parts.USERS)
    src, dst = (np.ascontiguousarray(ends.ravel()) for ends in np.meshgrid(every, every, indexing="ij"))
    fake, kinds = session.run(None, {"src": src, "dst": dst})
    scorer = OnnxScorer.open(tmp_path / "bundle", provider="cpu")
    np.testing.assert_allclose(fake, scorer.score_positions(src, dst), atol=1e-6)
    np.testing.assert_allclose(kinds.sum(axis=1), fake, atol=1e-6)
    fitted = parts.fitted
    served = fake.reshape(export_parts.USERS, -1)
    assert np.array_equal(served[fitted.src, fitted.dst], fitted.fake_score)
    assert np.array_equal(served[fitted.dst, fitted.src], fitted.fake_score) != directed
    unknown, _ = session.run(None, {"src": np.array([-1, 3]), "dst": np.array([2, -1])})
    assert np.isnan(unknown).all()
    assert np.isnan(served.diagonal()).all()


def test_triton_of_a_model_without_edges(tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    none = FittedEdges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), directed=False)
    parts = replace(export_parts.parts(), fitted=none)
    export_bundle(parts, tmp_path / "bundle")
    export_triton(parts, tmp_path / "bundle", tmp_path / "repository")


def test_a_triton_export_whose_scores_differ_fails_and_leaves_nothing(
    tmp_path: Path, bundle: Path, small_parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    keys, scores = triton.sorted_edges(small_parts.fitted, len(small_parts.users))
    monkeypatch.setattr(triton, "sorted_edges", lambda *_: (keys, np.roll(scores, 1)))
    with pytest.raises(ArtifactError, match=r"scorer_by_id with stored scores on \d+ fitted rows"):
        export_triton(small_parts, bundle, tmp_path / "repository")
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_hugging_face_folder_is_not_replaced(tmp_path: Path, bundle: Path, small_parts: Parts) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "README.md").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds 'README\.md', which no export writes"):
        export_huggingface(small_parts, bundle, tmp_path)
    assert (tmp_path / "README.md").read_text() == "years of work"


def test_weights_have_the_rights_of_their_neighbours(tmp_path: Path, bundle: Path, small_parts: Parts) -> None:
    folder = export_huggingface(small_parts, bundle, tmp_path / "model")
    rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir() if file.is_file()}
    assert len(set(rights.values())) == 1, rights


def test_without_tritonclient_the_message_names_the_install_line(tmp_path: Path, bundle: Path) -> None:
    code = (
        "import sys; sys.modules['tritonclient'] = None\n"
        "from pathlib import Path; from recdiff_export.targets.triton import export_triton\n"
        f"try:\n export_triton(None, Path({str(bundle)!r}), Path({str(tmp_path / 'r')!r}))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "UsageError a Triton repository needs tritonclient: pip install '.[triton]' in a checkout, "
        "or with the wheel's file in place of the dot"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_hugging_face_folder_is_complete(tmp_path: Path, bundle: Path, small_parts: Parts) -> None:
    from safetensors.numpy import load_file

    folder = tmp_path / "model"
    export_huggingface(small_parts, bundle, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors", "onnx"]
    weights = load_file(folder / "model.safetensors")
    assert np.array_equal(weights["scorer.table"], small_parts.scorer.table)
    assert small_parts.denoiser is not None
    assert np.array_equal(weights["denoiser.further.0.weight"], small_parts.denoiser.further[0][0])
    config = json.loads((folder / "config.json").read_text())
    assert config["scorer"]["terms"][0] == ["product", [0, 8], [0, 8], None]
    assert config["denoiser"]["steps"] == 5
    opened = OnnxScorer.open(folder / "onnx", provider="cpu")
    assert 0.0 <= opened.score([7], [10])[0] <= 1.0
    export_huggingface(small_parts, bundle, folder)


def test_the_card_is_read_by_the_hub_library(tmp_path: Path, bundle: Path, small_parts: Parts) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the card test needs huggingface_hub")
    export_huggingface(small_parts, bundle, tmp_path / "model")
    card = hub.ModelCard.load(tmp_path / "model" / "README.md")
    assert card.data.library_name == "recdiff-sdk"
    assert card.data.pipeline_tag == "graph-ml"
    assert "onnx" in card.data.tags
    assert "| users | 200 |" in card.text
    assert "## Ranking" not in card.text


def test_a_card_tells_what_the_fit_found(tmp_path: Path, fitted: RecDiff, model_folder: Path) -> None:
    parts = parts_of(model_folder)
    export_bundle(parts, tmp_path / "bundle")
    folder = export_huggingface(parts, tmp_path / "bundle", tmp_path / "model")
    text = (folder / "README.md").read_text(encoding="utf-8")
    found = fitted.fitted_
    share = found.calibration["fake_share"]
    assert f"{share['low']:.1%} to {share['high']:.1%} are fake, {share['estimate']:.1%} by the best" in text
    assert "found without an audit" in text
    assert f"| edges | {len(found.edges):,} |" in text
    assert f"| interactions | {found.seen.nnz:,} |" in text
    low, high = found.metrics["interval"]["recall@20"]
    row = next(line for line in text.splitlines() if line.startswith("| recall@20 |"))
    assert f"| {found.metrics['test']['recall@20']:.4f} | {low:.4f} to {high:.4f} |" in row
    assert f"{found.metrics['baselines']['popularity']['recall@20']:.4f}" in row
    assert "recall@10" not in text
    for title in ("Data and model", "Share of fakes", "Ranking", "Use", "Limits", "Licence"):
        assert f"## {title}\n" in text
