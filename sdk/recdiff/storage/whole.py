"""Replace a folder, or the files in it, as a whole: the new appears complete, or the old stays."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside ``target``; it takes its place when the block ends without an error.

    Args:
        target: may exist; the caller has checked that it may be replaced.

    Raises:
        OSError: the place cannot be written; the old folder is then as it was.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            if file.is_file():
                _flush(file)
        _swap(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def replaced_files(folder: Path, old: Sequence[Path]) -> Iterator[Path]:
    """Yield a new folder; its files take the place of the ``old`` ones in ``folder`` when the block ends well.

    ``folder`` itself stays, so it may be a mount point or the folder one works in. An error while files change
    places puts the old ones back; only a process killed in that moment leaves them aside, in a ".draft-" folder.

    Raises:
        OSError: the place cannot be written; the old files are then as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=folder) as work:
        new, aside = Path(work) / "new", Path(work) / "aside"
        new.mkdir()
        aside.mkdir()
        yield new
        made = sorted(new.iterdir())
        for file in made:
            _flush(file)
        _move([*((file, aside / file.name) for file in old), *((file, folder / file.name) for file in made)])


def _move(moves: list[tuple[Path, Path]]) -> None:
    """Rename every first path to the second, or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for here, there in moves:
            here.rename(there)
            done.append((here, there))
    except BaseException:
        for here, there in reversed(done):
            there.rename(here)
        raise


def _flush(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _swap(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    aside = target.with_name(f".{target.name}.{uuid4().hex}.old")
    target.rename(aside)
    try:
        temporary.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside)
