"""Checkpoints: what goes in comes out, what is damaged or foreign is refused, and a failed save leaves the old one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
import safetensors.torch
import torch

from recdiff.errors import ArtifactError, WriteError
from recdiff.storage.checkpoint import Checkpoint


def tensors() -> dict[str, torch.Tensor]:
    return {"weights": torch.arange(6.0).reshape(2, 3), "state": torch.tensor([1, 255], dtype=torch.uint8)}


def test_tensors_and_state_come_back(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "paper.safetensors", "f")
    assert checkpoint.load() is None
    state = {"epoch": 3, "best": 0.1 + 0.2, "history": [{"epoch": 1.0}]}
    checkpoint.save(tensors(), state)
    saved = checkpoint.load()
    assert saved is not None
    assert saved[1] == state
    for name, tensor in tensors().items():
        assert torch.equal(saved[0][name], tensor)
        assert saved[0][name].dtype == tensor.dtype
    assert [file.name for file in checkpoint.file.parent.iterdir()] == ["paper.safetensors"]


def test_views_and_gradients_are_saved_as_plain_values(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "f")
    table = torch.arange(6.0).reshape(2, 3).requires_grad_()
    checkpoint.save({"turned": table.T}, {})
    saved = checkpoint.load()
    assert saved is not None
    assert torch.equal(saved[0]["turned"], table.detach().T)


def test_a_save_replaces_the_one_before(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "f")
    checkpoint.save(tensors(), {"epoch": 1})
    checkpoint.save({"other": torch.ones(1)}, {"epoch": 2})
    saved = checkpoint.load()
    assert saved is not None
    assert list(saved[0]) == ["other"]
    assert saved[1] == {"epoch": 2}


def test_a_save_that_fails_half_way_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "f")
    checkpoint.save(tensors(), {"epoch": 1})

    def half(plain: Any, file: Path, metadata: Any) -> None:
        Path(file).write_bytes(b"\x08\x00")
        raise safetensors.SafetensorError("no space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", half)
    with pytest.raises(WriteError, match=r"paper\.safetensors: cannot be written: no space left"):
        checkpoint.save(tensors(), {"epoch": 2})
    saved = checkpoint.load()
    assert saved is not None
    assert saved[1] == {"epoch": 1}


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, cut: int) -> None:
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "f")
    checkpoint.save(tensors(), {})
    checkpoint.file.write_bytes(checkpoint.file.read_bytes()[:cut])
    with pytest.raises(ArtifactError, match=r"paper\.safetensors: damaged checkpoint .*fit without --resume"):
        checkpoint.load()


def test_the_checkpoint_of_another_fit_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "paper.safetensors"
    Checkpoint(file, "one").save(tensors(), {})
    with pytest.raises(ArtifactError, match=r"paper\.safetensors: the checkpoint is of another configuration"):
        Checkpoint(file, "two").load()


def test_a_plain_safetensors_file_is_no_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "paper.safetensors"
    safetensors.torch.save_file(tensors(), file)
    with pytest.raises(ArtifactError, match="another configuration or other data"):
        Checkpoint(file, "one").load()


def test_stages_lie_beside_each_other(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "paper.safetensors", "f")
    second = first.stage("scorer")
    assert second.file == tmp_path / "scorer.safetensors"
    second.save(tensors(), {})
    assert first.load() is None
    assert second.load() is not None
