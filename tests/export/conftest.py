from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recdiff_export import OnnxScorer, Parts, export_bundle
from tests.export.export_parts import parts


@pytest.fixture(scope="session")
def small_parts() -> Parts:
    return parts()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, small_parts: Parts) -> Path:
    folder = tmp_path_factory.mktemp("export") / "onnx"
    export_bundle(small_parts, folder)
    return folder


@pytest.fixture(scope="session")
def onnx_scorer(bundle: Path) -> Iterator[OnnxScorer]:
    with OnnxScorer.open(bundle, provider="cpu", threads=2) as opened:
        yield opened


@pytest.fixture
def quick_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller parity batches, for tests that export and look at something else."""
    monkeypatch.setattr("recdiff_export.bundle.parity.BATCHES", (0, 1, 7, 64))
