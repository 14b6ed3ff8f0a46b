"""A cell: one configuration whose result is computed once and kept.

The file of a result is named by the hash of everything the result depends on, so that a killed study continues and
two studies that need the same thing share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from recdiff.errors import ArtifactError
from recdiff.storage.json_file import read_json
from recdiff.storage.whole import write_whole
from recdiff.version import VERSION

_KEY_LENGTH = 32


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        task: name of the function that computes it, see ``tasks``.
        settings: JSON-able; everything the result depends on besides seed and data.
        seed: of every random draw.
        data: fingerprint of the data set.
        code: hash of the code that computes it, see ``systems.code``.
    """

    task: str
    settings: Mapping[str, Any] = field(hash=False)
    seed: int
    data: str
    code: str = ""

    @cached_property
    def key(self) -> str:
        """The hash of the configuration, the data, the code and the version of this package."""
        text = json.dumps([VERSION, self.identity], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def identity(self) -> dict[str, Any]:
        """What the key is made from, as it reads back from JSON."""
        parts = {
            "task": self.task,
            "settings": dict(self.settings),
            "seed": self.seed,
            "data": self.data,
            "code": self.code,
        }
        plain: dict[str, Any] = json.loads(json.dumps(parts, allow_nan=False))
        return plain


@dataclass(frozen=True)
class Result:
    """What a cell came to.

    Attributes:
        cell: whose result it is.
        values: JSON-able, as its task returned them.
        seconds: wall time of the computation.
    """

    cell: Cell
    values: Mapping[str, Any] = field(hash=False)
    seconds: float


@dataclass(frozen=True)
class Cache:
    """Results on disk, one JSON file per cell."""

    folder: Path

    def file(self, cell: Cell) -> Path:
        """Return where the result of ``cell`` lies."""
        return self.folder / f"{cell.key}.json"

    def load(self, cell: Cell) -> Result | None:
        """Return the result of ``cell``, or None where it was not computed yet.

        Raises:
            ArtifactError: the file is damaged, or holds the result of another cell.
        """
        file = self.file(cell)
        if not file.exists():
            return None
        try:
            stored = read_json(file)
            identity, values, seconds = stored["cell"], stored["values"], float(stored["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{file}: damaged result ({error}); delete the file to compute it again") from error
        if identity != cell.identity:
            raise ArtifactError(
                f"{file}: holds the result of another configuration; delete the file to compute it again"
            )
        return Result(cell, values, seconds)

    def save(self, result: Result) -> None:
        """Write ``result`` whole: a kill leaves all of it or none. Two studies may write the same at once."""
        stored = {"cell": result.cell.identity, "values": dict(result.values), "seconds": result.seconds}
        write_whole(self.file(result.cell), json.dumps(stored, allow_nan=False))
