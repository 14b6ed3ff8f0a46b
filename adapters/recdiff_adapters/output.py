"""Whole or nothing on disk, and never in the place of what this package did not write.

This package is used by itself too, so it imports none of the others: this module is its one writer. Its drafts and
locks are named as those of ``recdiff.storage`` are, so that the two keep out of each other's way; a test holds them
to it.
"""

from __future__ import annotations

import ctypes
import filecmp
import glob
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from recdiff_adapters.error import AdapterError, OptionError, WriteError

FilePath = str | os.PathLike[str]
Proof = Callable[[Path], bool]
"""Tells from its content whether this package wrote a file, or a folder."""
DRAFT = re.compile(r"\..+\.[0-9a-f]{32}\.(?:tmp|old)")
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def unproven(_: Path) -> bool:
    """Tell nothing: for formats whose files look the same whoever wrote them."""
    return False


@contextmanager
def whole_file(path: FilePath, ours: Proof, *, force: bool = False) -> Iterator[Path]:
    """Yield a path to write to; that file takes the place of ``path`` when the block ends well.

    An existing file is replaced where it is ``ours``, is empty or is the same to the byte, or with ``force``. When
    the block does not end well it stays as it was, and nothing else is left.

    Raises:
        OptionError: there is a file that is not ours, or another process is writing it.
        WriteError: the place cannot be written.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise AdapterError(f"{path} is a folder; this format is one file: name a file")
    with _draft(target, path) as folder:
        # The name stays: libraries look at its ending.
        new = folder / target.name
        yield new
        if not (force or _replaceable(target, new, ours)):
            raise OptionError(_refusal(path))
        _flush(new)
        new.replace(target)
        _flush(target.parent)


@contextmanager
def whole_folder(path: FilePath, names: Collection[str], ours: Proof, *, force: bool = False) -> Iterator[Path]:
    """Yield a new folder; it takes the place of ``path`` when the block ends well.

    An existing folder is replaced where it holds nothing but files called ``names`` and is ``ours``, or with
    ``force`` whosever files of these names are.

    Raises:
        OptionError: the folder holds something else, or another process is writing it.
        WriteError: the place cannot be written.
    """
    target = Path(path).resolve()
    _refuse_foreign(target, path, names)
    if not (force or not target.exists() or not any(target.iterdir()) or ours(target)):
        raise OptionError(_refusal(path))
    with _draft(target, path) as folder:
        yield folder
        for name in sorted(names):
            _flush(folder / name)
        _swap(folder, target)


@contextmanager
def whole_database(path: FilePath) -> Iterator[Path]:
    """Yield where to open a database file: a new one is made as by ``whole_file``.

    One that exists is opened in place, since it may hold other tables: there a transaction keeps it whole.
    """
    if Path(path).is_file():
        with _draft(Path(path).resolve(), path):  # Its lock, and what killed writers left beside it.
            yield Path(path)
    else:
        with whole_file(path, unproven) as temporary:
            yield temporary


def lock_file(target: Path) -> Path:
    """Return the file whose lock stands for ``target``, a path without links.

    Raises:
        OptionError: the folder of locks belongs to somebody else.
    """
    folder = Path(tempfile.gettempdir()) / f"recdiff-locks-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        raise OptionError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    return folder / f"{hashlib.sha256(os.fsencode(target)).hexdigest()}.lock"


@contextmanager
def _draft(target: Path, path: FilePath) -> Iterator[Path]:
    """Yield a new folder beside ``target``, whose lock is held; what killed writers left there is cleared away."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_file(target), timeout=0):
            for dead in target.parent.glob(f".{glob.escape(target.name)}.*"):
                if DRAFT.fullmatch(dead.name):
                    shutil.rmtree(dead, ignore_errors=True) if dead.is_dir() else dead.unlink(missing_ok=True)
            folder = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise OptionError(f"{path} is being written by another process; wait until it has finished") from None
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def _replaceable(target: Path, new: Path, ours: Proof) -> bool:
    if not target.exists():
        return True
    if not target.is_file():
        return False
    return target.stat().st_size == 0 or filecmp.cmp(target, new, shallow=False) or ours(target)


def _refusal(path: FilePath) -> str:
    return (
        f"{path} is there already and does not show that recdiff-sdk wrote it, so it is not replaced: name another "
        "place, or say --force (force=True)"
    )


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_foreign(target: Path, path: FilePath, names: Collection[str]) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise AdapterError(f"{path} is a file; this format is a folder: name a folder")
    foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in names)
    if foreign:
        raise OptionError(
            f"{path} holds {foreign[0]!r}, which this format does not write, and a folder is replaced as a "
            f"whole: name a new folder, or one with only {', '.join(sorted(names))}"
        )


def _swap(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of ``target``, in one step where the system can."""
    if not target.exists():
        new.rename(target)
    elif _exchanged(new, target):
        shutil.rmtree(new)
    else:
        aside = target.with_name(f".{target.name}.{uuid4().hex}.old")
        target.rename(aside)
        try:
            new.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside)
    _flush(target.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two paths in one step (Linux: renameat2), or return False."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)
