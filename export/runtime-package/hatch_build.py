"""Puts into the wheel what the runtime's command imports, now or later, out of the one tree of sources."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[2]
HOMES = {"recdiff": ROOT / "sdk", "recdiff_export": ROOT / "export"}
ENTRIES = (
    "recdiff_export.runtime_command",
    "recdiff_export.runtime.scorer",
    "recdiff_export.serve.server",
    "recdiff_export.stream.scored_file",
)
# Decisions are read out of a model folder, which the runtime has none of.
LEFT_OUT = frozenset({"recdiff.model.folder"})


class RuntimeHook(BuildHookInterface):
    """Chooses the files of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to be taken, and where they go."""
        if version == "editable":
            raise ValueError("the runtime is built from another folder's files; install it without -e")
        files = [*package_modules().values(), *(home / name / "py.typed" for name, home in HOMES.items())]
        for file in files:
            home = next(home for home in HOMES.values() if file.is_relative_to(home))
            build_data["force_include"][str(file)] = str(file.relative_to(home))
        build_data["extra_metadata"][str(ROOT / "LICENSE")] = "LICENSE"


def package_modules() -> dict[str, Path]:
    """Return the files of the runtime's modules by dotted name: the entries, all they import, and their packages."""
    found: dict[str, Path] = {}
    waiting = list(ENTRIES)
    while waiting:
        name = waiting.pop()
        file = None if name in found or name in LEFT_OUT else module_file(name)
        if file is None:
            continue
        found[name] = file
        waiting += [name.rpartition(".")[0], *imports(file)]
    return dict(sorted(found.items()))


def module_file(name: str) -> Path | None:
    """Return the file of the module ``name``, None where it is none of ours."""
    home = HOMES.get(name.partition(".")[0])
    if home is None:
        return None
    path = home.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(file: Path) -> list[str]:
    """Return what ``file`` imports anywhere in it but for types alone, and the names that it takes out of modules."""
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        waiting += ast.iter_child_nodes(node)
    return names
