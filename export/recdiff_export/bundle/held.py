"""A file held from the moment it is looked at: what is read later is what was checked, whatever its path names then."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.errors import ArtifactError
from recdiff.storage.manifest import Mark, mark_of, sha256

# Files up to this size are read, and hashed whole whenever a bundle opens; larger ones are mapped, and hashed by
# samples, so that opening takes the same time for any number of users.
WHOLE_LIMIT = 4 << 20
_SAMPLES = 16
_BLOCK = 1 << 16
# What NumPy writes before one column; NumPy's own reader takes it for a Python expression.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<kind>[<>|]\w{2,9})', 'fortran_order': False, "
    rb"'shape': \((?P<rows>\d{1,15}),\), \} *\n",
    re.DOTALL,
)


@dataclass(frozen=True)
class Held:
    """The bytes of one file.

    Attributes:
        path: where it was found. data: its bytes, or a map of them. mark: which file it is and when it was written.
    """

    path: Path
    data: bytes | mmap.mmap
    mark: Mark

    @classmethod
    def of(cls, path: Path) -> Held:
        """Hold the file at ``path``; links are followed.

        Raises:
            ArtifactError: there is none, or it is not a plain file.
        """
        # A named pipe would be waited for.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(path, flags)
            try:
                return cls._held(path, descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise ArtifactError(f"{path.name} is missing") from None
        except OSError as error:
            raise ArtifactError(f"{path.name} cannot be read ({error.strerror})") from None

    @classmethod
    def _held(cls, path: Path, descriptor: int) -> Held:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ArtifactError(f"{path.name} is not a plain file")
        if state.st_size > WHOLE_LIMIT:
            return cls(path, mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), mark_of(state))
        with open(descriptor, "rb", closefd=False) as file:
            return cls(path, file.read(), mark_of(state))

    def __len__(self) -> int:
        return len(self.data)

    def current(self) -> bool:
        """Say whether ``path`` still names this file, unchanged."""
        try:
            return mark_of(self.path.stat()) == self.mark
        except OSError:
            return False

    def sha256(self) -> str:
        """Return the hash of all of it."""
        return sha256(self.data)

    def sample_sha256(self) -> str:
        """Return the hash of ``_SAMPLES`` blocks spread over it."""
        digest = hashlib.sha256(str(len(self)).encode())
        for index in range(_SAMPLES):
            start = max(len(self) - _BLOCK, 0) * index // (_SAMPLES - 1)
            digest.update(self.data[start : start + _BLOCK])
        return digest.hexdigest()

    def table(self, rows: int, width: int, kind: str) -> NDArray[Any]:
        """Return the bytes as a table (rows, width) of ``kind``, float32, float16 or int32.

        Raises:
            ArtifactError: the type is another, or there are more or fewer bytes.
        """
        if kind not in ("float32", "float16", "int32"):
            raise ArtifactError(f"{self.path}: holds {kind}; this version reads float32, float16 and int32")
        values = np.dtype(kind).newbyteorder("<")
        if len(self) != rows * width * values.itemsize:
            raise ArtifactError(f"{self.path}: {len(self)} bytes are not {rows} rows of {width} {kind}")
        return np.frombuffer(self.data, values).reshape(rows, width)

    def vector(self, *kinds: type[np.generic]) -> NDArray[Any]:
        """Return the values of a one-dimensional ``.npy`` file, which are one of ``kinds``.

        Raises:
            ArtifactError: it is no such file.
        """
        head = _HEADER.match(self.data)
        if head is None:
            raise ArtifactError(f"{self.path}: not one column in a .npy file; export the bundle again")
        wanted = {np.dtype(each).newbyteorder("<").str: np.dtype(each).newbyteorder("<") for each in kinds}
        kind, rows = wanted.get(head["kind"].decode()), int(head["rows"])
        size = int.from_bytes(self.data[8:10], "little") + 10
        if kind is None or head.end() != size or len(self) != size + rows * kind.itemsize:
            said = f"{rows} values of {head['kind'].decode()} in {len(self)} bytes"
            raise ArtifactError(f"{self.path}: {said}, not of {' or '.join(wanted)}; export the bundle again")
        return np.frombuffer(self.data, kind, offset=size)
