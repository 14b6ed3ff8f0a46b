"""Whole or nothing on disk: write beside the target, then rename over it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from recdiff_adapters.error import AdapterError

FilePath = str | os.PathLike[str]


@contextmanager
def whole_file(path: FilePath) -> Iterator[Path]:
    """Yield a path beside ``path``; what was written there takes its place when the block ends well.

    When it does not, an existing file stays as it was and nothing else is left. Raises AdapterError when the
    place cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise AdapterError(f"{target} is a folder; this format is one file: name a file")
    temporary = _beside(target)
    with _spoken(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: FilePath, names: Collection[str]) -> Iterator[Path]:
    """Yield a new folder beside ``path``; it takes the place of ``path`` when the block ends well.

    An existing folder is replaced only when it holds nothing but files called ``names``. Raises AdapterError
    for one that holds anything else, and when the place cannot be written.
    """
    target = Path(path)
    _refuse_foreign(target, names)
    temporary = _beside(target)
    with _spoken(target):
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for name in sorted(names):
                _flush(temporary / name)
            _swap(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def whole_database(path: FilePath) -> Iterator[Path]:
    """Yield where to open a database file: a new one is made as by ``whole_file``.

    One that exists is opened in place, since it may hold other tables: there a transaction keeps it whole.
    """
    if Path(path).is_file():
        yield Path(path)
    else:
        with whole_file(path) as temporary:
            yield temporary


def _beside(target: Path) -> Path:
    # The name's own ending stays: writers look at it.
    return target.with_name(f".{uuid4().hex}.{target.name}")


@contextmanager
def _spoken(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdapterError(f"cannot write {target}: {error.strerror or error}") from error


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _refuse_foreign(target: Path, names: Collection[str]) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise AdapterError(f"{target} is a file; this format is a folder: name a folder")
    foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in names)
    if foreign:
        raise AdapterError(
            f"{target} holds {foreign[0]!r}, which this format does not write, and a folder is replaced as a "
            f"whole: name a new folder, or one with only {', '.join(sorted(names))}"
        )


def _swap(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    aside = _beside(target)
    target.rename(aside)
    try:
        temporary.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside)
