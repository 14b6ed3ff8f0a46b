"""Safetensors files: with the rights of their neighbours, and errors that say which file."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray


def write_tensors(file: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays to ``file``.

    Raises:
        OSError: the file cannot be written.
    """
    # The library makes a file that its owner alone can read; a plain file has the rights that all others have.
    file.touch()
    rights = stat.S_IMODE(file.stat().st_mode)
    try:
        safetensors.numpy.save_file(dict(arrays), file, None if metadata is None else dict(metadata))
    except safetensors.SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(file)) from error
    file.chmod(rights)
