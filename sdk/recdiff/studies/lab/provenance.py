"""What a result needs beside it to be believed: versions, machine, command line, seeds and data."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from recdiff.data.dataset import SocialDataset
from recdiff.machine.cores import cores

PACKAGES = ("recdiff-sdk", "torch", "numpy", "scipy", "scikit-learn", "pyarrow", "matplotlib")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory in GiB, system and graphics card."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "cuda_device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
    }


def versions() -> dict[str, str]:
    """Return the version of Python and of every package that a number depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def data_facts(dataset: SocialDataset, name: str, fingerprint: str) -> dict[str, Any]:
    """Return the counts of a data set, and its fingerprint."""
    return {
        "name": name,
        "fingerprint": fingerprint,
        "users": len(dataset.users),
        "items": len(dataset.items),
        "train": int(dataset.train.nnz),
        "validation": int(dataset.validation.nnz),
        "test": int(dataset.test.nnz),
        "ties": len(dataset.edges),
        "directed": dataset.directed,
        "rows_left_out": len(dataset.left_out),
    }


def now() -> str:
    """Return the moment in UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
