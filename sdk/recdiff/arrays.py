"""Names for the kinds of arrays that signatures speak of, and the rule of narrow positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Half = NDArray[np.float16]
Int64 = NDArray[np.int64]
Positions = NDArray[np.signedinteger]
"""Of the narrowest type that holds them, int32 nearly always."""
Mask = NDArray[np.bool_]


def position_type(count: int) -> type[np.signedinteger]:
    """Return the narrowest type for the positions of ``count`` values, and for ``count``: 4 bytes nearly always."""
    return np.int32 if count < np.iinfo(np.int32).max else np.int64
