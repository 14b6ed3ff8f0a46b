"""The errors of the adapters.

AdapterError       exit 3: a table, an id or a file that the format cannot take
├── OptionError    exit 2: an unknown format or option
├── WriteError     exit 1: the machine did not let a file be written
└── MissingLibrary exit 2: the format's own library is not installed
"""

from __future__ import annotations

from typing import ClassVar

MOST_SHOWN = 80


def shorten(value: object) -> str:
    """Return ``repr(value)``, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


class AdapterError(Exception):
    """A table could not be handed over; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 3


class OptionError(AdapterError):
    """A format or an option that does not exist."""

    exit_code: ClassVar[int] = 2


class WriteError(AdapterError):
    """A file could not be written: the disk is full, or the place is not ours to write."""

    exit_code: ClassVar[int] = 1


class MissingLibrary(AdapterError):  # noqa: N818 -- the public name
    """The library that writes a format is not installed."""

    exit_code: ClassVar[int] = 2

    def __init__(self, library: str, remedy: str) -> None:
        super().__init__(f"this format is written by {library}, which is not installed; {remedy}")
