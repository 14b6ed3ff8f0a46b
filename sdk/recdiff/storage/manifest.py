"""The manifest of a folder that a command wrote: JSON beside the other files, with the size and the hash of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from mmap import mmap
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
BUNDLE = "onnx"
"""The folder of a bundle, with a manifest of its own, within its model folder."""
CHANGED = "was changed (its hash differs from the manifest's)"


Mark = tuple[int, int, int, int]


def mark_of(state: os.stat_result) -> Mark:
    """Tell which file it is and when it was written: another one of the same content has another mark."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def sha256(content: bytes | mmap) -> str:
    """Return the hash of ``content``, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def listed(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the size and the hash of each file of ``folder``, as its manifest lists them."""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256_of(folder / name)} for name in names}


def _sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
