"""Columns as arrays, for graph learning libraries. E edges, F features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from recdiff_adapters.table import EDGES, RECOMMENDATIONS, Pairs

# (type of the left end, name of the relation, type of the right end)
RELATIONS = {EDGES: ("user", "social", "user"), RECOMMENDATIONS: ("user", "recommended", "item")}
_ENDS = ("_src", "_dst")


def feature_names(pairs: Pairs, *, directed: bool) -> list[str]:
    """Return the names of the F numeric columns that are not ids, ``keep`` aside.

    What is said of one end (``degree_src``) is no feature of an edge that has no direction: it is left out there.
    """
    numeric = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    return [
        name
        for name in pairs.value_names
        if name != "keep"
        and (directed or not name.endswith(_ENDS))
        and any(check(pairs.column(name).type) for check in numeric)
    ]


def feature_matrix(pairs: Pairs, names: Sequence[str]) -> np.ndarray:
    """Return numeric columns as float32 (E, F); a null is nan."""
    matrix = np.empty((pairs.table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = pairs.column(name).cast(pa.float32(), safe=False).to_numpy()
    return matrix
