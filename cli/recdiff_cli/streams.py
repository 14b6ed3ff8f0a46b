"""stdin, stdout and stderr as a command line meets them: closed, full, or read by someone who has heard enough."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

UNHEARD = 141


class Heard:
    """A stream whose reader may leave. After stdout's the command ends, quietly, with a code of its own."""

    def __init__(self, stream: TextIO, *, ends: bool) -> None:
        self._stream = stream
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text``."""
        if text != "":  # with which libraries try what kind of a stream this is
            self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            # What is left in the buffer goes nowhere, or Python would complain of it at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                raise
            if self._ends:
                raise SystemExit(UNHEARD) from None


@contextmanager
def streams() -> Iterator[None]:
    """Have all three streams for the block, and stdout written out at its end.

    Raises:
        OSError: stdout cannot be written, e.g. because the disk is full.
    """
    _open_closed()
    out = Heard(sys.stdout, ends=True)
    with redirect_stdout(out), redirect_stderr(Heard(sys.stderr, ends=False)):
        try:
            yield
        finally:
            out.flush()


def _open_closed() -> None:
    """Lead streams that are closed nowhere: a file that is opened later must not come to be stdout."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
