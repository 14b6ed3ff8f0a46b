"""Tests lie in the room of what they test, and every module is reached from a test of its room.

A module is reached where its room has a ``test_<module>.py`` or a file that imports it; where a module of the same room
that is reached imports it; and, of adapters, where a test of the room names the ``to_<module>`` that writes with it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.test_structure import FOLDERS, ROOT, imported, modules

# Rooms whose tests lie in one folder, whatever rooms are within.
ROOMS = {
    "recdiff.studies": "studies",
    "recdiff_export.review": "review",
    "recdiff_export": "export",
    "recdiff_cli": "cli",
    "recdiff_adapters": "adapters",
}
# Reached from everywhere, and without a behaviour of their own.
PLAIN = {"recdiff.arrays", "recdiff.errors", "recdiff.version"}


def room(name: str) -> str:
    """Return the folder below tests/ that the module's tests lie in; "" is tests/ itself."""
    for home, folder in ROOMS.items():
        if name == home or name.startswith(f"{home}."):
            return folder
    parts = name.split(".")
    return parts[1] if len(parts) > 2 or (ROOT / "sdk" / "recdiff" / parts[-1]).is_dir() else ""


@cache
def told(folder: Path) -> tuple[set[str], str]:
    """Return what the files of a folder of tests import, fixtures for all included, and all their text."""
    files = [*sorted(folder.glob("*.py")), ROOT / "tests" / "conftest.py"]
    used = {each.rstrip(".") for file in files for each in imported(file)}
    return used, "".join(file.read_text(encoding="utf-8") for file in files)


def reached(package: str) -> set[str]:
    """Return the modules of ``package`` that a test of their room reaches."""
    known = modules(package)
    needs = {name: {each.rstrip(".") for each in imported(file)} for name, file in known.items()}
    found: set[str] = set()
    for name in known:
        folder, last = ROOT / "tests" / room(name), name.rpartition(".")[2]
        used, text = told(folder)
        writes = package == "recdiff_adapters" and f"to_{last}" in text
        if writes or name in used or (folder / f"test_{last}.py").exists():
            found.add(name)
    while True:
        further = {other for name in found for other in needs[name] & set(known) if room(other) == room(name)} - found
        if not further:
            return found
        found |= further


@pytest.mark.parametrize("package", FOLDERS)
def test_every_module_is_reached_from_a_test_of_its_room(package: str) -> None:
    own = {name for name, file in modules(package).items() if file.name != "__init__.py"}
    unreached = sorted(own - reached(package) - PLAIN)
    assert not unreached, "\n".join(unreached)


def test_test_files_lie_in_rooms_that_there_are() -> None:
    rooms = {room(name) for package in FOLDERS for name in modules(package)}
    # Attacks, measurements and pages go through commands, not through rooms.
    assert {folder.name for folder in (ROOT / "tests").iterdir() if is_room(folder)} <= rooms | {
        "attack",
        "benchmarks",
        "journeys",
        "pages",
    }


def is_room(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.py"))
