"""The code that a result depends on, as a hash: of modules and of what they import, of the project and beside a guest.

Imports are read from the source, so nothing is run. Installed packages do not count; their versions stand in a study's
provenance.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_KEY_LENGTH = 32
# What a cell's key says in another way: data by their content, a model and a change of ties by name and settings.
# Imported by the project, these are not followed: those that list all models would tie each model to all others.
SAID_ELSEWHERE = (
    "recdiff.data",
    "recdiff.version",
    "recdiff.baselines.registry",
    "recdiff.studies.lab.cell",
    "recdiff.studies.lab.contenders",
    "recdiff.studies.lab.edge_change",
    "recdiff.studies.lab.source",
)


@dataclass(frozen=True)
class Home:
    """A folder that modules are imported from.

    Attributes:
        package: only this package of it counts; None: every module in it.
    """

    folder: Path
    package: str | None = None

    def file(self, module: str) -> Path | None:
        """Return the source file of ``module``, None where there is none here."""
        if self.package is not None and module.partition(".")[0] != self.package:
            return None
        place = self.folder.joinpath(*module.split("."))
        return next((each for each in (place / "__init__.py", place.with_suffix(".py")) if each.is_file()), None)


PROJECT = Home(Path(__file__).resolve().parents[3], "recdiff")


def code_of(modules: Iterable[str], guest: Home | None = None) -> str:
    """Return the hash of the source of ``modules`` and of all that they import, one from another.

    Args:
        guest: where modules lie that are none of the project's.
    """
    digest = hashlib.sha256()
    for name, file in sorted(sources(modules, guest).items()):
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:_KEY_LENGTH]


def sources(modules: Iterable[str], guest: Home | None = None) -> dict[str, Path]:
    """Return the files that ``code_of`` hashes, by the names of their modules.

    Raises:
        ValueError: one of ``modules`` has no source.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    for name in waiting:
        if _file(name, guest) is None:
            raise ValueError(f"module {name!r} has no source file")
    while waiting:
        name = waiting.pop()
        file = _file(name, guest)
        if name in found or file is None:
            continue
        found[name] = file
        for module, taken in _imports(file, name):
            named = _named(module, taken, guest)
            waiting += (each for each in named if guest is not None or not _said_elsewhere(each))
    return found


def _said_elsewhere(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in SAID_ELSEWHERE)


def _file(module: str, guest: Home | None) -> Path | None:
    """Return the source of ``module``; the project's own packages go first."""
    return PROJECT.file(module) or (None if guest is None else guest.file(module))


def _named(module: str, taken: str | None, guest: Home | None) -> Iterator[str]:
    """Yield the modules behind ``from module import taken``, or behind ``import module``."""
    if taken is not None and _file(f"{module}.{taken}", guest):
        yield from _named(f"{module}.{taken}", None, guest)
        return
    room = PROJECT.file(module)
    if room is not None and taken is not None and room.name == "__init__.py":
        # A room of ours only hands names on: what counts is where the name comes from.
        for other, name in _handed_on(room, module):
            if name == taken:
                yield from _named(other, name, guest)
                return
    yield module
    if room is None:
        # Importing a module runs the packages that it lies in.
        while "." in module:
            module = module.rpartition(".")[0]
            yield module


def _imports(file: Path, name: str) -> list[tuple[str, str | None]]:
    """Return what ``file`` imports, wherever it does: modules, and names taken out of them; not for types alone."""
    return _read(file, name, file.stat().st_mtime_ns)[0]


def _handed_on(file: Path, name: str) -> list[tuple[str, str | None]]:
    """Return the same with what is imported for types: rooms that load names on first use list them there."""
    return _read(file, name, file.stat().st_mtime_ns)[1]


@cache
def _read(file: Path, name: str, changed: int) -> tuple[list[tuple[str, str | None]], list[tuple[str, str | None]]]:
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        # Whoever runs it is told; what it would import cannot be known.
        return [], []
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for part in node.body
        for inner in ast.walk(part)
    }
    every = [(node, pair) for node in ast.walk(tree) for pair in _pairs(node, package)]
    return [pair for node, pair in every if id(node) not in for_types], [pair for _, pair in every]


def _pairs(node: ast.AST, package: str) -> list[tuple[str, str | None]]:
    """Return what one statement or call imports: module, and the name taken out of it."""
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        return [(module, alias.name) for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
        name = node.args[0]
        return [(name.value, None)] if isinstance(name, ast.Constant) and isinstance(name.value, str) else []
    return []
