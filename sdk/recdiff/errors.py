"""The errors a caller can meet.

RecDiffError
├── UsageError      exit 2: an option or argument makes no sense
├── DataError       exit 3: input data, with file, row, column, value and remedy
│   └── BadRowsError    the same, where the rows named may be left out
├── ArtifactError   exit 4: a model folder or bundle failed its verification
├── DeviceError     exit 5: the device asked for is absent
└── WriteError      exit 1: the machine did not let a file be written
"""

from __future__ import annotations

from typing import ClassVar


class RecDiffError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 1


class UsageError(RecDiffError, ValueError):
    """An option or argument makes no sense."""

    exit_code: ClassVar[int] = 2


class DataError(RecDiffError, ValueError):
    """Input data cannot be used; the message lists every problem found."""

    exit_code: ClassVar[int] = 3


class BadRowsError(DataError):
    """Some rows of input data cannot be used; all others can."""


class ArtifactError(RecDiffError):
    """A model folder or bundle is incomplete, changed, foreign or beyond its parity tolerance."""

    exit_code: ClassVar[int] = 4


class DeviceError(RecDiffError):
    """The device that was asked for is not there."""

    exit_code: ClassVar[int] = 5


class WriteError(RecDiffError, OSError):
    """A file could not be written: the disk is full, or the place is not ours to write."""

    exit_code: ClassVar[int] = 1
