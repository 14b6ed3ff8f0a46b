"""Checkpoints of a running fit: one file, replaced whole, tied to its configuration and data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from recdiff.errors import ArtifactError
from recdiff.storage.tensors import write_tensors
from recdiff.storage.whole import flush, write_errors


@dataclass(frozen=True)
class Checkpoint:
    """A place for the state of one stage of a fit.

    Attributes:
        file: where it lies.
        fingerprint: of configuration and data; a checkpoint of another fit is refused.
    """

    file: Path
    fingerprint: str

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Replace the checkpoint by ``tensors`` and JSON-able ``state``; a kill leaves the old or the new one."""
        metadata = {"fingerprint": self.fingerprint, "state": json.dumps(dict(state))}
        temporary = self.file.with_suffix(".tmp")
        plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
        with write_errors(self.file.absolute()):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_tensors(temporary, {name: tensor.numpy() for name, tensor in plain.items()}, metadata)
            flush(temporary)
            temporary.replace(self.file)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return what was saved last, or None where nothing was.

        Raises:
            ArtifactError: for a file that is damaged or belongs to another configuration or other data.
        """
        if not self.file.exists():
            return None
        try:
            with safetensors.safe_open(self.file, "pt") as handle:
                metadata = handle.metadata() or {}
                tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a dict
        except (OSError, safetensors.SafetensorError) as error:
            raise ArtifactError(
                f"{self.file}: damaged checkpoint ({error}); delete it or fit without --resume"
            ) from error
        if metadata.get("fingerprint") != self.fingerprint:
            raise ArtifactError(
                f"{self.file}: the checkpoint is of another configuration or other data; "
                "repeat the settings it was made with, or fit without --resume"
            )
        return tensors, json.loads(metadata["state"])

    def stage(self, name: str) -> Checkpoint:
        """Return the checkpoint of another stage of the same fit."""
        return Checkpoint(self.file.with_name(f"{name}.safetensors"), self.fingerprint)


def cleared(folder: Path) -> None:
    """Delete a folder of checkpoints, where there is one."""
    shutil.rmtree(folder, ignore_errors=True)
