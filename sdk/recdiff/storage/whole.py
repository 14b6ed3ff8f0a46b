"""Replace a folder, or the files in it, as a whole: the new appears complete, or the old stays."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from recdiff.errors import UsageError, WriteError
from recdiff.storage.lock import locked

STRAY = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".gitkeep", ".gitattributes", ".cache", ".huggingface"})
"""What operating systems and model hubs put into folders."""
DRAFT = re.compile(r"\..+\.[0-9a-f]{32}\.(?:tmp|old)")
"""Names of what our writers leave beside their target when they are killed."""
WORK = re.compile(r"\..+\.(?:work|checkpoints)")
"""Names of the folders from which a killed run goes on."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside ``target``; it takes its place in one step when the block ends without an error.

    A link is followed to what it names. Drafts that killed processes left are cleared away.

    Args:
        target: may exist; the caller has checked that it may be replaced (``foreign``).

    Raises:
        UsageError: another process is writing it, or it is a mount point or the folder one works in.
        WriteError: the place cannot be written; the old folder is then as it was.
    """
    target = writable(target)
    with write_errors(target), locked(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_drafts(target)
        temporary = draft_of(target)
        temporary.mkdir()
        try:
            yield temporary
            flush_all(temporary)
            swap(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def replaced_file(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target`` to write to; that file takes its place when the block ends without an error.

    Raises:
        UsageError: another process is writing it.
        WriteError: the place cannot be written; the old file is then as it was.
    """
    target = target.resolve()
    with write_errors(target), locked(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_drafts(target)
        with drafted(target) as temporary:
            yield temporary


@contextmanager
def drafted(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target`` to write to; that file takes its place when the block ends without an error.

    Unlike with ``replaced_file``, several may do so at once: the last one's file stays.
    """
    temporary = draft_of(target)
    try:
        yield temporary
        flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(file: Path, text: str) -> None:
    """Write ``text`` to ``file``: it holds the whole of it, or what it held. Several may do so at once.

    Raises:
        WriteError: the file cannot be written.
    """
    with write_errors(file.absolute()):
        file.parent.mkdir(parents=True, exist_ok=True)
        with drafted(file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def write_errors(target: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a WriteError that names ``target``; errors about other places stay."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        place = None if error.filename is None else Path(os.fsdecode(error.filename)).absolute()
        if not (place is None or place.is_relative_to(target.parent) or target.is_relative_to(place)):
            raise
        within = "" if place in (None, target) else f" ({place})"
        raise WriteError(f"{target}: cannot be written: {error.strerror or error}{within}") from error


def writable(target: Path) -> Path:
    """Return what ``target`` names, links followed, after checking that a folder can take its place.

    Raises:
        UsageError: it is a mount point, which nothing can be renamed to, or the folder one works in, which would be
            gone from under one's feet.
        WriteError: nothing can be made where it would lie.
    """
    target = target.resolve()
    if target.is_mount():
        raise UsageError(f"{target} is a mount point, which cannot be replaced; name a folder inside it")
    if Path.cwd().is_relative_to(target):
        raise UsageError(f"{target} is the folder you work in, which cannot be replaced; name a folder inside it")
    above = next(place for place in target.parents if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise WriteError(f"{target}: cannot be written: {above} is no folder that you may write to")
    return target


def in_the_way(target: Path, known: Callable[[Path], bool], ours: Callable[[Path], bool]) -> str | None:
    """Return the name of what keeps a new folder from taking the place of ``target``, or None where nothing does.

    An empty folder gives way, and one that holds nothing but ``known`` entries and is ``ours`` by its content.
    """
    if not target.exists():
        return None
    if not target.is_dir():
        return target.name
    held = sorted(entry.name for entry in target.iterdir() if not is_stray(entry.name))
    others = foreign(target, known) or ([] if ours(target) else held)
    return others[0] if others else None


def foreign(folder: Path, known: Callable[[Path], bool]) -> list[str]:
    """Return the names in ``folder`` that are neither ``known`` nor what systems and killed writers leave behind."""
    return sorted(entry.name for entry in folder.iterdir() if not (known(entry) or is_stray(entry.name)))


def is_stray(name: str) -> bool:
    """Tell whether a file called ``name`` is left by an operating system or by a writer of ours that was killed."""
    left = DRAFT.fullmatch(name) or WORK.fullmatch(name)
    return name.lower() in STRAY or left is not None or name.startswith("._")


def draft_of(target: Path) -> Path:
    """Return a new name beside ``target`` for what will take its place."""
    return target.with_name(f".{target.name}.{uuid4().hex}.tmp")


def clear_drafts(target: Path) -> None:
    """Remove what killed writers of ``target`` left; the caller holds its lock."""
    for entry in target.parent.glob(f".{glob.escape(target.name)}.*"):
        if DRAFT.fullmatch(entry.name):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have a file, or a folder's list of names, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Have every file below ``folder`` reach the disk, and the folders that name them."""
    for file in folder.rglob("*"):
        if file.is_file() or file.is_dir():
            flush(file)
    flush(folder)


def linked_copy(source: Path, target: Path) -> None:
    """Make ``target``, which must not exist, a copy of the folder ``source`` in one step.

    Files are linked where the file system can, so that a copy takes no room: what is written here is never changed.
    """
    draft = draft_of(target)
    try:
        shutil.copytree(source, draft, copy_function=_linked)
        for folder in (draft, *(entry for entry in draft.rglob("*") if entry.is_dir())):
            flush(folder)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    flush(target.parent)


def removed_folder(target: Path) -> None:
    """Remove a folder: it is gone whole, or there."""
    aside = target.with_name(f".{target.name}.{uuid4().hex}.old")
    target.rename(aside)
    shutil.rmtree(aside)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        flush(Path(target))
    return target


def swap(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of ``target`` in one step; the old one, if any, is removed."""
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
    flush(target.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two paths in one step, where the system and the file system can (Linux: renameat2)."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done: int = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return done == 0
