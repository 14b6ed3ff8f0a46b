"""The join plan of docs/scale.md gives the scores of the runtime that holds the whole table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq

from recdiff import RecDiff
from recdiff_export.bundle.from_model import parts_of
from recdiff_export.opening import open_bundle

ROOT = Path(__file__).resolve().parent.parent


def test_rows_from_a_join_score_as_the_runtime_does(fitted: RecDiff, model_folder: Path, tmp_path: Path) -> None:
    model, parts = fitted.fitted_, parts_of(model_folder)
    table = parts.scorer.packed
    rows = pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), table.shape[1])
    pq.write_table(pa.table({"id": parts.users, "row": rows}), tmp_path / "user-rows.parquet")
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(model.users), (500, 2))
    pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (model.rows_of(pairs) < 0)]
    ties = pa.table({"src": model.users.take(pairs[:, 0]), "dst": model.users.take(pairs[:, 1])})
    pq.write_table(ties, tmp_path / "ties.parquet")
    query = sql().replace("'ties.parquet'", f"'{tmp_path}/ties.parquet'")
    query = query.replace("'user-rows.parquet'", f"'{tmp_path}/user-rows.parquet'")
    with duckdb.connect() as connection:
        joined = connection.sql(query).to_arrow_table()
    assert len(joined) == len(pairs)
    with open_bundle(model_folder, provider="cpu") as runtime:
        expected = runtime.score(joined["src"], joined["dst"])
    session = ort.InferenceSession(model_folder / "onnx" / "scorer.onnx", providers=["CPUExecutionProvider"])
    feed = {name: np.stack(joined[name].to_pylist()).astype(table.dtype) for name in ("src_row", "dst_row")}
    np.testing.assert_allclose(session.run(["fake_score"], feed)[0], expected, atol=1e-5)


def sql() -> str:
    """Return the query of the document."""
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    return text.split("```sql")[1].split("```")[0]
