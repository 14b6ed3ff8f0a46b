"""summary.json has one schema: what is written is read back, and a file that is something else is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recdiff.cleaning.summary import Summary


def test_what_applies_is_written_and_read_back(tmp_path: Path) -> None:
    summary = Summary(edges=9, removed=2, policy={"threshold": 0.3}, kept=7, unknown=0)
    summary.write(tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "edges": 9, "removed": 2, "policy": {"threshold": 0.3}, "kept": 7, "unknown": 0
    }  # fmt: skip
    assert Summary.read(tmp_path / "summary.json") == summary


@pytest.mark.parametrize(
    "text",
    ["[]", '"edges"', "{}", '{"edges": 9}', '{"edges": "9", "removed": 2}', '{"edges": 9, "removed": 2, "x": 1}'],
)
def test_what_is_no_summary_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ValueError, match="is no summary of cleaned edges"):
        Summary.read(tmp_path / "summary.json")
