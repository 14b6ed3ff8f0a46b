"""summary.json: what a cleaning did, whether of a fit's edges or of streamed files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recdiff.storage.json_file import read_json


@dataclass(frozen=True)
class Summary:
    """What a cleaning did. What does not apply is None, and left out of the file.

    Attributes:
        edges, removed: rows that were divided, and those that were removed.
        estimated_fake_share: mean fake_score of the edges that have one.
        policy: the settings of ``cleaning.policy.Policy`` that chose.
        directed: whether edges have a direction.
        expected_fake_removed, expected_real_removed, expected_fake_kept: sums of the scores.
        fake_share: between which values the share of fakes lies. fake_kept_low, fake_kept_high: what follows for the
            number of fakes that are kept.
        noise: estimated shares of the kinds of fakes.
        decided, decisions_contradicted, decisions_file, audit: what people found out, and what was made of it; of files
            decided counts rows, else edges.
        restored: how many rows were put back since.
        kept, unknown, dropped: rows of files, edges of unknown users among them, and those of them left out.
        self_ties: rows of a user with itself, which are neither kept nor removed.
        resumed: rows that an earlier run had finished. seconds: of this run.
    """

    edges: int
    removed: int
    estimated_fake_share: float | None = None
    expected_fake_removed: float | None = None
    expected_real_removed: float | None = None
    expected_fake_kept: float | None = None
    fake_share: Mapping[str, Any] | None = None
    fake_kept_low: float | None = None
    fake_kept_high: float | None = None
    policy: Mapping[str, float] | None = None
    noise: Mapping[str, float] | None = None
    directed: bool | None = None
    decided: Mapping[str, int] | None = None
    decisions_contradicted: Sequence[Mapping[str, Any]] | None = None
    audit: Mapping[str, Any] | None = None
    decisions_file: str | None = None
    restored: int | None = None
    kept: int | None = None
    unknown: int | None = None
    dropped: int | None = None
    self_ties: int | None = None
    resumed: int | None = None
    seconds: float | None = None

    @classmethod
    def read(cls, file: Path) -> Summary:
        """Return what ``write`` wrote.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no summary.
        """
        found = read_json(file)
        if not isinstance(found, dict) or any(type(found.get(name)) is not int for name in ("edges", "removed")):
            raise ValueError("is no summary of cleaned edges")
        try:
            return cls(**found)
        except TypeError as error:
            raise ValueError(f"is no summary of cleaned edges: {error}") from None

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(self.plain(), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def plain(self) -> dict[str, Any]:
        """Return what applies as plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}
