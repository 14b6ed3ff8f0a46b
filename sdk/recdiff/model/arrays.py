"""The networks of a fitted model as plain arrays and settings, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32
from recdiff.blend.blend import Blend
from recdiff.blend.names import POPULARITY
from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.diffusion.schedule import Schedule
from recdiff.errors import ArtifactError
from recdiff.model.folder import below
from recdiff.scorer.pair_scorer import PairScorer, PairTerm

WEIGHTS = "weights.safetensors"
"""Where a model folder has its arrays."""


def interactions(arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> sp.csr_matrix:
    items = arrays["items"]
    return sp.csr_matrix((np.ones(len(items), np.float32), items, arrays["indptr"]), shape=shape)


def blend_of(plain: Mapping[str, Any] | None, name: str, arrays: Mapping[str, NDArray[Any]]) -> Blend | None:
    """Return the blend whose arrays stand below ``name``; None where there is none.

    Raises:
        ArtifactError: an array is missing, or is of no member.
    """
    held = below(name, arrays)
    of_members = [f"{member}/{part}" for member in plain["settings"] for part in ("items", "weights")] if plain else []
    wanted = {*of_members, *([POPULARITY] if plain and POPULARITY in plain["weights"] else [])}
    for each in sorted(wanted ^ held.keys()):
        said = "is missing" if each in wanted else "is of no member of the blend in calibration.json"
        raise ArtifactError(f"{WEIGHTS}: {name}/{each} {said}")
    return None if plain is None else Blend.of_parts(plain, held)


def pair_arrays(pair: PairScorer) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"mean": pair.mean, "scale": pair.scale, "offset": pair.offset}
    return arrays | _layer_arrays(pair.layers)


def pair_settings(pair: PairScorer) -> dict[str, Any]:
    terms = [term.plain() for term in pair.terms]
    return {"terms": terms, "clip": pair.clip, "calibration": list(pair.calibration), "alike": pair.alike}


def pair_scorer(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PairScorer:
    terms = tuple(PairTerm.read(plain) for plain in settings["terms"])
    slope, intercept = settings["calibration"]
    layers = _layers(arrays)
    return PairScorer(
        terms=terms,
        mean=arrays["mean"],
        scale=arrays["scale"],
        clip=settings["clip"],
        layers=layers,
        offset=arrays["offset"],
        calibration=(slope, intercept),
        alike=settings["alike"],
    )


def denoiser_arrays(denoiser: FoldedDenoiser) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"first": denoiser.first, "bias": denoiser.bias}
    return arrays | {"alpha_bar": denoiser.schedule.alpha_bar} | _layer_arrays(denoiser.further)


def folded(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> FoldedDenoiser:
    schedule = Schedule(arrays["alpha_bar"])
    activation, normalise = settings["activation"], settings["normalise"]
    return FoldedDenoiser(
        first=arrays["first"],
        bias=arrays["bias"],
        further=_layers(arrays),
        activation=activation,
        normalise=normalise,
        schedule=schedule,
    )


def _layer_arrays(layers: tuple[tuple[Float32, Float32], ...]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for index, (weight, bias) in enumerate(layers):
        arrays |= {f"layer{index}.weight": weight, f"layer{index}.bias": bias}
    return arrays


def _layers(arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[Float32, Float32], ...]:
    count = sum(name.endswith(".weight") for name in arrays)
    return tuple((arrays[f"layer{index}.weight"], arrays[f"layer{index}.bias"]) for index in range(count))
