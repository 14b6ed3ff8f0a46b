"""Print constraints that hold every dependency to the oldest version that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def oldest() -> Iterator[str]:
    """Yield a line such as ``numpy==2.0`` per dependency, of every extra, that has a lower bound."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    for requirement in dict.fromkeys(named):
        found = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)[^;]*(;.*)?$", requirement)
        if found:
            name, version, marker = found.groups()
            yield f"{name}=={version}{marker or ''}"


if __name__ == "__main__":
    print("\n".join(oldest()))
