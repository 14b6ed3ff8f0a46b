"""How much memory reading input may take: a small file must not be able to fill the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recdiff.errors import DataError, UsageError

CGROUP = Path("/sys/fs/cgroup/memory.max")
"""What a container may hold, in bytes or "max" (Linux, cgroup v2)."""
SHARE = 0.5
"""Of the machine's memory: the other half is for what is made of the data."""
UNKNOWN = 4 << 30
"""Taken for the machine's memory where the system does not say."""
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 1 << 10 * power for power, unit in enumerate("kmgt", 1)}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?i?)b?", re.IGNORECASE)
VARIABLE = "RECDIFF_MAX_MEMORY"
_asked: int | None = None


def most() -> int:
    """Return how many bytes reading one input may take.

    What ``set_most`` said, else what RECDIFF_MAX_MEMORY says, else half of the machine's memory.

    Raises:
        UsageError: RECDIFF_MAX_MEMORY is no size.
    """
    if _asked is not None:
        return _asked
    said = os.environ.get(VARIABLE)
    return parse_size(said) if said else int(SHARE * _machine())


def set_most(size: int | None) -> None:
    """Say how many bytes reading one input may take in this process; None: as by default."""
    global _asked
    _asked = size


@contextmanager
def at_most(size: int | None) -> Iterator[None]:
    """Bound what is read in the block; None leaves the bound as it is."""
    before = _asked
    set_most(before if size is None else size)
    try:
        yield
    finally:
        set_most(before)


def parse_size(text: str) -> int:
    """Return the bytes that a size such as 800MB, 4GiB or 1.5g names.

    Raises:
        UsageError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    unit = None if found is None else _UNITS.get(found[2].lower())
    if found is None or unit is None or float(found[1]) * unit < 1:
        raise UsageError(f"{text[:60]!r} is no size of memory; accepted are sizes such as 800MB, 4GB or 4GiB")
    return int(float(found[1]) * unit)


class Budget:
    """Counts what reading ``path`` takes, and refuses what is more than ``most``."""

    def __init__(self, path: Path) -> None:
        self.path, self.most, self.taken = path, most(), 0

    def take(self, size: int) -> None:
        """Count ``size`` bytes.

        Raises:
            DataError: they are too many; the message names the file, the limit and what to do.
        """
        self.taken += size
        if self.taken > self.most:
            raise too_large(self.path, self.taken)


def too_large(path: Path, needed: int, what: str = "reading it") -> DataError:
    """Return the error for an input whose reading takes ``needed`` bytes, or more."""
    return DataError(
        f"{path}: {what} takes more than {_said(needed)} of memory, and {_said(most())} are allowed; check that the "
        f"file is what it should be, or allow more with --max-memory SIZE ({VARIABLE})"
    )


def bytes_within(file: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: there are more than ``most``.
    """
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes")
    return content


def _said(size: int) -> str:
    for unit, word in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {word}"
    return f"{size} bytes"


def _machine() -> int:
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        there = UNKNOWN
    try:
        return min(there, int(CGROUP.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return there
