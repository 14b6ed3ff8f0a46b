"""Kills a writer at its n-th change of the disk, in a process of its own.

The interpreter's audit events say when a file is opened to be written, and when something is renamed, made or removed;
at the n-th of them below ``place`` the process ends at once, as by SIGKILL, with that change not made.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED, DONE, REFUSED, FAILED = 137, 0, 2, 1
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.copyfile")
# renameat2 is looked up each time that two folders change places.
EXCHANGE = "ctypes.dlsym"


@dataclass
class Bomb:
    """Ends the process at the n-th change below ``place``; ``torn`` first cuts what lies in drafts to half."""

    place: Path
    at: int
    torn: bool = False
    seen: int = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.counts(event, arguments):
            return
        self.seen += 1
        if self.seen == self.at:
            if self.torn:
                tear(self.place)
            os._exit(KILLED)

    def counts(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == EXCHANGE:
            return arguments[1] == "renameat2"
        if event == "open":
            path, _, flags = arguments
            return bool(flags & WRITES) and self.below(path)
        return event in CHANGES and any(self.below(each) for each in arguments[:2])

    def below(self, path: object) -> bool:
        # What is removed by way of a folder's handle has a plain name.
        return isinstance(path, str | bytes | Path) and (
            os.fsdecode(path).startswith(str(self.place)) or "/" not in os.fsdecode(path)
        )


def tear(place: Path) -> None:
    """Cut every file in a draft to half, as a write that the kill interrupted leaves it."""
    for draft in (*place.glob(".*.tmp"), *place.glob(".*.work/result/*/.*")):
        for file in [draft] if draft.is_file() else draft.rglob("*"):
            if file.is_file():
                os.truncate(file, file.stat().st_size // 2)


def child(work: Callable[[], object], bomb: Bomb | None = None) -> int:
    """Start ``work`` in a forked process and return that process's number."""
    number = os.fork()
    if number:
        return number
    try:
        if bomb is not None:
            sys.addaudithook(bomb)
        work()
        os._exit(DONE)
    except BaseException as error:
        if getattr(error, "exit_code", None) == REFUSED:
            os._exit(REFUSED)
        traceback.print_exc()
        os._exit(FAILED)


def ended(number: int) -> int:
    """Wait for a process and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def state(place: Path, timed: Sequence[str] = ()) -> dict[str, str]:
    """Return the hash of every file below ``place``, by name; "" for an empty folder.

    Args:
        timed: JSON files that say how long the run took; the hash is of the rest.
    """
    found = {}
    for entry in sorted(place.rglob("*")):
        if entry.is_file():
            name = str(entry.relative_to(place))
            content = _untimed(entry) if name in timed else entry.read_bytes()
            found[name] = hashlib.sha256(content).hexdigest()
        elif not any(entry.iterdir()):
            found[str(entry.relative_to(place))] = ""
    return found


def _untimed(file: Path) -> bytes:
    said = json.loads(file.read_text())
    del said["seconds"], said["resumed"]
    return json.dumps(said).encode()


def visible_state(place: Path, timed: Sequence[str] = ()) -> dict[str, str]:
    """Return ``state`` without hidden drafts."""
    return {name: value for name, value in state(place, timed).items() if not name.startswith(".")}
