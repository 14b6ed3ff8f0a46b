"""The device a computation runs on."""

from __future__ import annotations

import torch

from recdiff.errors import DeviceError, UsageError


def generator_on(device: torch.device | str, seed: int) -> torch.Generator:
    """Return a generator of ``device`` that starts with ``seed``."""
    return torch.Generator(device).manual_seed(seed)


def resolve_device(name: str) -> torch.device:
    """Return the device for "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        DeviceError: for "cuda" where no CUDA device can be used.
        UsageError: for any other name.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise UsageError(f"device {name!r}: accepted are 'auto', 'cpu', 'cuda'")
    if not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda: torch sees no CUDA device here; use --device auto or cpu, or run `recdiff-sdk doctor`"
        )
    return torch.device("cuda")
