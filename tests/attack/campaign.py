"""Kill a writer at every point, then run it again; count what was tried."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from tests.attack import crash
from tests.attack.crash import DONE, KILLED, Bomb, child, ended
from tests.attack.writers import Writer

MOST = 2_000


def attack(writer: Writer, place: Path, *, existing: bool, torn: bool = False) -> int:
    """Kill ``writer`` at every change of the disk in turn and return at how many points it was killed.

    After each kill the target is as it was or as it will be, whole; the same command then ends well with the same
    bytes as one that nobody killed, and nothing else is left.
    """
    kept = {}
    state, visible_state = (partial(found, timed=writer.timed) for found in (crash.state, crash.visible_state))
    for name in ("old", "new"):
        folder = place / name
        folder.mkdir(parents=True)
        (writer.old if name == "old" else writer.new)(folder / writer.target)
        kept[name] = state(folder)
    if existing:
        folder = place / "over"
        shutil.copytree(place / "old", folder)
        writer.new(folder / writer.target)
        kept["new"] = state(folder)
    work = place / "work"
    for point in range(1, MOST):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(place / "old", work) if existing else work.mkdir()
        before = visible_state(work)
        code = ended(child(lambda: writer.new(work / writer.target), Bomb(work, point, torn)))
        if code == DONE:
            assert state(work) == kept["new"], f"{writer.name}: another result than before"
            return point - 1
        said = f"{writer.name}, killed at change {point}"
        assert code == KILLED, f"{said}: ended with {code}"
        assert visible_state(work) in (before, kept["new"], *between(writer, work, kept)), f"{said}: half a result"
        assert ended(child(lambda: writer.new(work / writer.target))) == DONE, f"{said}: cannot be run again"
        assert state(work) == kept["new"], f"{said}: the second run left {sorted(state(work))}"
    raise AssertionError(f"{writer.name} does not end")


def between(writer: Writer, work: Path, kept: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return other states that are whole: two writes one after the other, and an open database with its journal."""
    if writer.name == "restore":
        return [kept["old"]]
    journal = any(name.endswith("-journal") for name in crash.state(work))
    return [crash.visible_state(work)] if journal else []
