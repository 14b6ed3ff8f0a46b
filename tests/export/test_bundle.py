from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recdiff.errors import ArtifactError, UsageError
from recdiff_export import OnnxScorer, Parts, export_bundle
from recdiff_export.bundle import reference
from recdiff_export.bundle.graphs.denoiser import denoiser_graph
from recdiff_export.bundle.manifest import read_manifest
from recdiff_export.bundle.parity import BATCHES, TOLERANCE
from tests.export.export_parts import denoiser, parts


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_manifest_holds_parity_at_every_batch_size(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert {entry.graph for entry in manifest.parity} == {
        "denoiser", "scorer", "scorer_by_id", "fake_score", "fitted_scores", "recommender",
    }  # fmt: skip
    for graph in ("denoiser", "scorer", "scorer_by_id", "fake_score"):
        for rows in ("random", "real"):
            batches = [entry.batch for entry in manifest.parity if (entry.graph, entry.rows) == (graph, rows)]
            assert batches == list(BATCHES) == [0, 1, 7, 4096, 100_000]
    assert max(entry.max_error for entry in manifest.parity) <= TOLERANCE


def test_the_same_parts_give_the_same_bytes_and_no_paths(tmp_path: Path, bundle: Path, quick_parity: None) -> None:
    for name in ("one", "two"):
        export_bundle(parts(), tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    machine = [str(tmp_path).encode(), str(Path.home()).encode() + b"/", b"site-packages", b".py"]
    for name, data in contents(tmp_path / "one").items():
        assert not [word for word in machine if word in data], name


def test_a_parity_error_fails_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_parity: None
) -> None:
    wrong = lambda weights: denoiser_graph(replace(weights, ct=weights.ct * 1.01))  # noqa: E731
    monkeypatch.setattr("recdiff_export.bundle.write.denoiser_graph", wrong)
    with pytest.raises(
        ArtifactError, match=r"export failed its parity check \(tolerance 1e-05\): denoiser on 1 random"
    ):
        export_bundle(parts(), tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_parity: None
) -> None:
    export_bundle(parts(), tmp_path / "onnx")
    before = contents(tmp_path / "onnx")
    monkeypatch.setattr(
        "recdiff_export.bundle.parity.reference.score_pairs", lambda *_: (np.zeros(4093), np.zeros((4093, 3)))
    )
    with pytest.raises(ArtifactError, match="scorer"):
        export_bundle(parts(), tmp_path / "onnx")
    assert contents(tmp_path / "onnx") == before


def test_a_graph_that_yields_nan_fails(tmp_path: Path, quick_parity: None) -> None:
    good = parts()
    broken = replace(good.scorer, offset=np.full_like(good.scorer.offset, np.nan))
    with pytest.raises(ArtifactError, match="nan"):
        export_bundle(replace(good, scorer=broken), tmp_path / "onnx")


def test_a_foreign_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="which no export writes"):
        export_bundle(parts(), tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_edge_listed_twice_is_refused(tmp_path: Path) -> None:
    good = parts()
    twice = replace(
        good.fitted,
        src=np.append(good.fitted.src, good.fitted.dst[0]),
        dst=np.append(good.fitted.dst, good.fitted.src[0]),
        fake_score=np.append(good.fitted.fake_score, np.float32(0.5)),
    )
    with pytest.raises(ArtifactError, match="listed twice"):
        export_bundle(replace(good, fitted=twice), tmp_path / "onnx")


def test_a_model_of_ties_alone_without_diffusion(tmp_path: Path, quick_parity: None) -> None:
    plain = replace(parts(), items=parts().items[:0], denoiser=None, denoiser_rows=None, recommender=None)
    export_bundle(plain, tmp_path / "onnx")
    assert not (tmp_path / "onnx" / "denoiser.onnx").exists()
    opened = OnnxScorer.open(tmp_path / "onnx", provider="cpu")
    assert 0.0 <= opened.score([7], [10])[0] <= 1.0


@pytest.mark.parametrize("steps", [3, 20, 200])
def test_the_walk_agrees_with_torch_and_its_exporter(tmp_path: Path, steps: int) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
    import warnings

    import onnxruntime as ort

    weights = denoiser(steps)

    class Walk(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x):  # type: ignore[no-untyped-def]
            (last, bias), tensor = weights.further[0], torch.as_tensor
            for t in reversed(range(steps)):
                unit = torch.nn.functional.normalize(x, dim=-1)
                hidden = torch.tanh(unit @ tensor(weights.first).T + tensor(weights.step_bias[t]))
                x = float(weights.c0[t]) * (hidden @ tensor(last).T + tensor(bias)) + float(weights.ct[t]) * x
            return x

    rows = np.random.default_rng(7).standard_normal((64, 16)).astype(np.float32)
    torch_rows = Walk()(torch.as_tensor(rows)).numpy()
    denoiser_graph(weights).save(tmp_path / "ours.onnx", {})
    (ours,) = ort.InferenceSession(str(tmp_path / "ours.onnx"), providers=["CPUExecutionProvider"]).run(
        None, {"embedding": rows}
    )
    np.testing.assert_allclose(ours, torch_rows, atol=1e-5)
    np.testing.assert_allclose(ours, reference.denoise(weights, rows), atol=1e-5)
    if steps > 3:
        return  # torch's exporter needs seconds to minutes to unroll more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Walk(), (torch.as_tensor(rows),), str(tmp_path / "theirs.onnx"), dynamo=True, verbose=False)
    theirs = ort.InferenceSession(str(tmp_path / "theirs.onnx"), providers=["CPUExecutionProvider"])
    (other,) = theirs.run(None, {theirs.get_inputs()[0].name: rows})
    np.testing.assert_allclose(ours, other, atol=1e-5)


def damaged(bundle: Path, tmp_path: Path, name: str, change: str) -> Path:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    victim = copy / name
    data = bytearray(victim.read_bytes())
    match change:
        case "missing":
            victim.unlink()
        case "shorter":
            victim.write_bytes(data[:-1])
        case "flipped":
            data[len(data) // 2] ^= 1
            victim.write_bytes(data)
        case "pipe":
            victim.unlink()
            os.mkfifo(victim)
        case "folder":
            victim.unlink()
            victim.mkdir()
    return copy


@pytest.mark.parametrize("name", ["scorer.onnx", "user_table.bin", "users.arrow", "fitted_scores.npy"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("missing", "is missing"),
        ("shorter", "bytes, not"),
        ("flipped", "was changed"),
        ("pipe", "not a plain file"),
        ("folder", "not a plain file"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(bundle: Path, tmp_path: Path, name: str, change: str, said: str) -> None:
    with pytest.raises(ArtifactError, match=f"{name} .*{said}"):
        OnnxScorer.open(damaged(bundle, tmp_path, name, change), provider="cpu")


def test_a_large_file_is_sampled_and_hashed_whole_on_request(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("held", "reading"):
        monkeypatch.setattr(f"recdiff_export.bundle.{module}.WHOLE_LIMIT", 0)
    monkeypatch.setattr("recdiff_export.bundle.held._BLOCK", 16)
    folder = damaged(bundle, tmp_path, "manifest.json", "none")
    stored = json.loads((folder / "manifest.json").read_text())
    from recdiff_export.bundle.manifest import record

    for name in stored["files"]:
        stored["files"][name] = vars(record(folder / name))
    (folder / "manifest.json").write_text(json.dumps(stored))
    victim = folder / "user_table.bin"
    data = bytearray(victim.read_bytes())
    data[20] ^= 1
    victim.write_bytes(data)
    OnnxScorer.open(folder, provider="cpu")
    with pytest.raises(ArtifactError, match=r"user_table\.bin was changed"):
        OnnxScorer.open(folder, provider="cpu", verify=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a bundle's manifest"),
        ('{"format": 99}', "format 99"),
        ('{"format": 1, "files": {}}', "not a bundle's"),
    ],
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=said):
        OnnxScorer.open(tmp_path)


def test_no_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="recdiff-sdk export --onnx"):
        OnnxScorer.open(tmp_path)


def test_parts_are_described_for_whoever_exports(small_parts: Parts) -> None:
    assert small_parts.scorer.kinds == 3
    assert small_parts.denoiser is not None
    assert (small_parts.denoiser.width, small_parts.denoiser.steps) == (16, 5)
