"""Columns as arrays, for graph learning libraries. E edges, F features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recdiff_adapters.table import EDGES, RECOMMENDATIONS, Pairs

# (type of the left end, name of the relation, type of the right end)
RELATIONS = {EDGES: ("user", "social", "user"), RECOMMENDATIONS: ("user", "recommended", "item")}


def feature_names(pairs: Pairs) -> list[str]:
    """Return the names of the F numeric columns that are not ids, ``keep`` aside."""
    numeric = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    return [
        name
        for name in pairs.value_names
        if name != "keep" and any(check(pairs.column(name).type) for check in numeric)
    ]


def feature_matrix(pairs: Pairs) -> np.ndarray:
    """Return the numeric columns as float32 (E, F); a null is nan."""
    names = feature_names(pairs)
    matrix = np.empty((pairs.table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = pairs.column(name).cast(pa.float32(), safe=False).to_numpy()
    return matrix
