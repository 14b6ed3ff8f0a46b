"""Run recommender.onnx and turn positions back into raw ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.data.ids import Ids

# Scores held at once, users * items: bounds memory at about 64 MiB whatever is asked.
_MOST_SCORES = 1 << 24


def recommend(session: ort.InferenceSession, positions: Int64, k: int, users: Ids, items: Ids) -> pa.Table:
    """Return user_id, item_id, score, rank of the ``k`` best unseen items of each user position.

    A user with fewer than ``k`` unseen items gets fewer rows.
    """
    step = max(_MOST_SCORES // (len(items) + 1), 1)
    blocks = [_block(session, positions[at : at + step], k) for at in range(0, len(positions), step)]
    row, item, score, rank = (
        np.concatenate([block[column] for block in blocks]) if blocks else np.empty(0, kind)
        for column, kind in enumerate((np.int64, np.int64, np.float32, np.int64))
    )
    starts = np.repeat(np.arange(len(blocks)) * step, [len(block[0]) for block in blocks])
    columns = {
        "user_id": users.take(positions[row + starts]),
        "item_id": items.take(item),
        "score": pa.array(score),
        "rank": pa.array(rank, pa.int32()),
    }
    return pa.table(columns)


def _block(session: ort.InferenceSession, positions: Int64, k: int) -> tuple[NDArray[Any], ...]:
    item, score = session.run(None, {"user": positions, "k": np.array([k], np.int64)})
    row, rank = np.nonzero(score > -np.inf)
    return row, item[row, rank], score[row, rank], rank + 1
