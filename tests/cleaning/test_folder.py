"""The folder of cleaned edges: what is removed is a queue, the worst first."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.cleaning.folder import REMOVED, restore_edges, with_direction, write_cleaned


def rows(*scores: float) -> pa.Table:
    names = [f"u{number}" for number in range(len(scores))]
    return with_direction(pa.table({"src": names, "dst": names[::-1], "fake_score": scores}), directed=True)


def test_removed_edges_lie_the_most_suspicious_first_and_stay_so(tmp_path: Path) -> None:
    write_cleaned(tmp_path / "out", rows(0.1), rows(0.6, 0.9, 0.6, 0.7), {"edges": 5, "removed": 4, "directed": True})
    table = pq.read_table(tmp_path / "out" / REMOVED)
    assert table["fake_score"].to_pylist() == [0.9, 0.7, 0.6, 0.6]
    assert table["src"].to_pylist() == ["u1", "u3", "u0", "u2"]
    assert table.schema.metadata[b"recdiff_directed"] == b"true"
    restore_edges(tmp_path / "out", [("u3", "u0")])
    assert pq.read_table(tmp_path / "out" / REMOVED)["fake_score"].to_pylist() == [0.9, 0.6, 0.6]
