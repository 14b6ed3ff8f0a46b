"""One writer a target: a lock that a killed process leaves without harm.

Locks lie in the machine's folder for temporary files, by the target's full path, so that nothing is left beside what is
written. They hold between the processes of one user on one machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from recdiff.errors import UsageError
from recdiff.storage.json_file import read_json


class BusyError(UsageError):
    """Another process is writing."""


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of ``target``, a file or folder that may not exist yet.

    Raises:
        BusyError: another process holds it; the message says which, and since when.
    """
    file = lock_file(target)
    holder = file.with_suffix(".holder")
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(f"{target} is being written by {_told(holder)}; wait until it has finished") from None
    try:
        facts = {"pid": os.getpid(), "command": " ".join(sys.argv)[:200], "since": datetime.now(UTC).isoformat()}
        holder.write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def lock_file(target: Path) -> Path:
    """Return the file whose lock stands for ``target``.

    Raises:
        UsageError: the folder of locks belongs to somebody else.
    """
    folder = Path(tempfile.gettempdir()) / f"recdiff-locks-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        raise UsageError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    return folder / f"{hashlib.sha256(os.fsencode(target.resolve())).hexdigest()}.lock"


def _told(holder: Path) -> str:
    """Say who holds a lock."""
    try:
        facts = read_json(holder)
        return f"process {facts['pid']} ({facts['command']}) since {facts['since'][:19]} UTC"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
