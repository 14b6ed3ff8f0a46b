"""A folder in the Hugging Face layout: card, config.json, model.safetensors and onnx/."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from recdiff.version import VERSION
from recdiff_export.bundle.manifest import Manifest, read_manifest
from recdiff_export.bundle.parts import Parts, require_scores, weight_arrays
from recdiff_export.bundle.write import exported_folder, read_object
from recdiff_export.targets.card import card

CONFIG = "config.json"
MODEL_TYPE = "recdiff"
FILES = frozenset({"README.md", CONFIG, "model.safetensors", "onnx"})
"""All that is in such a folder."""


def export_huggingface(parts: Parts, bundle: Path, folder: Path) -> Path:
    """Write ``parts`` and their ``bundle`` to ``folder`` in the Hugging Face layout and return it.

    Raises:
        UsageError: ``folder`` holds something else.
        WriteError: the disk is full or not writable.
    """
    from recdiff.storage.tensors import write_tensors

    require_scores(parts, "Hugging Face")
    manifest = read_manifest(bundle)
    with exported_folder(folder, ours=_is_ours, known=lambda entry: entry.name in FILES) as draft:
        (draft / "README.md").write_text(card(manifest, parts.measured), encoding="utf-8")
        (draft / CONFIG).write_text(json.dumps(_config(parts, manifest), indent=2) + "\n", encoding="utf-8")
        tensors = {name: np.ascontiguousarray(values) for name, values in sorted(weight_arrays(parts).items())}
        write_tensors(draft / "model.safetensors", tensors, {"format": "np"})
        shutil.copytree(bundle, draft / "onnx")
    return folder


def _is_ours(folder: Path) -> bool:
    """Tell whether ``folder`` was exported from here: many a Hugging Face folder has these very files."""
    return read_object(folder / CONFIG).get("model_type") == MODEL_TYPE


def _config(parts: Parts, manifest: Manifest) -> dict[str, Any]:
    scorer, denoiser = parts.scorer, parts.denoiser
    config: dict[str, Any] = {
        "model_type": MODEL_TYPE,
        "sdk_version": VERSION,
        "users": manifest.users,
        "items": manifest.items,
        "directed": manifest.directed,
        "scorer": {
            "terms": [term.plain() for term in scorer.terms],
            "clip": scorer.clip,
            "calibration": list(scorer.calibration),
            "alike": scorer.alike,
            "kinds": scorer.kinds,
        },
        "metadata": dict(manifest.metadata),
    }
    if denoiser is not None:
        config["denoiser"] = {
            "steps": denoiser.steps,
            "width": denoiser.width,
            "activation": denoiser.activation,
            "normalise_input": denoiser.normalise_input,
        }
    return config
